#!/usr/bin/env bash
# A certificate authority for the laboratory, made anew whenever it is asked for; nothing of it is kept.
#
#   tests/lab-ca.sh FOLDER NAME...    ca.pem, ca.crl, and NAME.pem, NAME.key (mode 0600) for each, in FOLDER
#
# Each certificate has the dNSName NAME.lab.example. A FOLDER that has a ca.key already gets more
# certificates of the same authority. NAME=DAYS gives one that lives that many days (default 30).
# LAB_CA_MORE adds subject alternative names as OpenSSL writes them ("URI:x").
set -euo pipefail

folder=$1
shift
umask 077
mkdir -p "$folder"
cd "$folder"

run() {
    local log
    log=$(openssl "$@" 2>&1) || {
        echo "openssl $1: $log" >&2
        return 1
    }
}

if [ ! -f ca.key ]; then
    run req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -days 30 \
        -subj "/O=SCTP DTLS laboratory/CN=laboratory root" \
        -addext "basicConstraints=critical,CA:TRUE" -addext "keyUsage=critical,keyCertSign,cRLSign"
    : >index.txt
    cat >ca.cnf <<'CNF'
[ca]
default_ca = lab
[lab]
database = index.txt
default_md = sha256
default_crl_days = 30
CNF
    run ca -config ca.cnf -gencrl -keyfile ca.key -cert ca.pem -out ca.crl
fi

for wanted; do
    name=${wanted%%=*}
    days=30
    [ "$name" = "$wanted" ] || days=${wanted#*=}
    run req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$name.key" -out "$name.csr" \
        -subj "/O=SCTP DTLS laboratory/CN=$name"
    cat >"$name.ext" <<EXT
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth, clientAuth
subjectAltName = DNS:$name.lab.example${LAB_CA_MORE:+,$LAB_CA_MORE}
EXT
    run x509 -req -in "$name.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days "$days" -sha256 \
        -extfile "$name.ext" -out "$name.pem"
    rm -f "$name.csr" "$name.ext"
done
