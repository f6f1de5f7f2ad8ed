# shellcheck shell=bash
# Completion of sctp-gateway-ctl for bash: commands, then what the command takes.
_sctp_gateway_ctl() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} words command='' i
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
            --socket) i=$((i + 1)) ;;
            -*) ;;
            *)
                command=${COMP_WORDS[i]}
                break
                ;;
        esac
    done
    case $previous in
        --socket | check-config | -w | --write)
            mapfile -t COMPREPLY < <(compgen -f -- "$current")
            return
            ;;
        associations) words='list show busiest' ;;
        --module) words='admin gateway keymgmt relay restart' ;;
        --leg) words='accepted backend' ;;
        *)
            case $command in
                '')
                    words='status top associations backends ports workers certificates rekey reauthenticate
                        close drain leave reload capture captures log-level check-config --json --socket --help --version'
                    ;;
                rekey) words='--all' ;;
                close) words='--abort' ;;
                reload) words='--dry-run' ;;
                log-level) words='error warn info debug --module' ;;
                capture) words='--write --leg --port --plaintext --keys --force --seconds --packets --mib --snap' ;;
                *) words='' ;;
            esac
            ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -F _sctp_gateway_ctl sctp-gateway-ctl
