# shellcheck shell=bash
# Completion of sctp-gateway-ctl for bash.
_sctp_gateway_ctl() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} words
    case $previous in
        --socket | check-config | -w | --write)
            mapfile -t COMPREPLY < <(compgen -f -- "$current")
            return
            ;;
        associations) words='list show busiest' ;;
        log-level) words='error warn info debug --module' ;;
        --module) words='admin gateway keymgmt relay' ;;
        rekey) words='--all' ;;
        --leg) words='accepted backend' ;;
        reload) words='--dry-run' ;;
        *)
            words='status top associations backends ports workers certificates rekey reauthenticate
                close drain leave reload capture captures log-level check-config --json --socket --help --version'
            case " ${COMP_WORDS[*]} " in
                *' close '*) words='--abort' ;;
                *' capture '*) words='--write --leg --port --plaintext --keys --force --seconds --packets --mib --snap' ;;
            esac
            ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -F _sctp_gateway_ctl sctp-gateway-ctl
