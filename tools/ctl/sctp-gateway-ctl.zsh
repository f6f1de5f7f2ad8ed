#compdef sctp-gateway-ctl
# Completion of sctp-gateway-ctl for zsh: what the one for bash offers (sctp-gateway-ctl.bash).
local -a offered
local command='' i
for ((i = 2; i < CURRENT; i++)); do
    case $words[i] in
        --socket) ((i++)) ;;
        -*) ;;
        *)
            command=$words[i]
            break
            ;;
    esac
done
case $words[CURRENT-1] in
    --socket | check-config | -w | --write)
        _files
        return
        ;;
    associations) offered=(list show busiest) ;;
    --module) offered=(admin gateway keymgmt relay restart) ;;
    --leg) offered=(accepted backend) ;;
    *)
        case $command in
            '')
                offered=(status top associations backends ports workers certificates rekey reauthenticate
                    close drain leave reload capture captures log-level check-config
                    --json --socket --help --version)
                ;;
            rekey) offered=(--all) ;;
            close) offered=(--abort) ;;
            reload) offered=(--dry-run) ;;
            log-level) offered=(error warn info debug --module) ;;
            capture) offered=(--write --leg --port --plaintext --keys --force --seconds --packets --mib --snap) ;;
        esac
        ;;
esac
compadd -- $offered
