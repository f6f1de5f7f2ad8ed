# Completion of sctp-gateway-ctl for fish: what the one for bash offers (sctp-gateway-ctl.bash).
set -l commands status top associations backends ports workers certificates rekey reauthenticate \
    close drain leave reload capture captures log-level check-config
set -l first "not __fish_seen_subcommand_from $commands"
set -l associations '__fish_seen_subcommand_from associations; and not __fish_seen_subcommand_from list show busiest'

complete -c sctp-gateway-ctl -f
complete -c sctp-gateway-ctl -n $first -a "$commands"
complete -c sctp-gateway-ctl -n $first -l json
complete -c sctp-gateway-ctl -n $first -l socket -r -F
complete -c sctp-gateway-ctl -n $first -l help
complete -c sctp-gateway-ctl -n $first -l version
complete -c sctp-gateway-ctl -n $associations -a 'list show busiest'
complete -c sctp-gateway-ctl -n '__fish_seen_subcommand_from check-config' -F
complete -c sctp-gateway-ctl -n '__fish_seen_subcommand_from rekey' -l all
complete -c sctp-gateway-ctl -n '__fish_seen_subcommand_from close' -l abort
complete -c sctp-gateway-ctl -n '__fish_seen_subcommand_from reload' -l dry-run
complete -c sctp-gateway-ctl -n '__fish_seen_subcommand_from log-level' -a 'error warn info debug'
complete -c sctp-gateway-ctl -n '__fish_seen_subcommand_from log-level' -l module -x \
    -a 'admin gateway keymgmt relay restart'
complete -c sctp-gateway-ctl -n '__fish_seen_subcommand_from capture' -s w -l write -r -F
complete -c sctp-gateway-ctl -n '__fish_seen_subcommand_from capture' -l leg -x -a 'accepted backend'
complete -c sctp-gateway-ctl -n '__fish_seen_subcommand_from capture' -l plaintext
complete -c sctp-gateway-ctl -n '__fish_seen_subcommand_from capture' -l keys
complete -c sctp-gateway-ctl -n '__fish_seen_subcommand_from capture' -l force
for option in port seconds packets mib snap
    complete -c sctp-gateway-ctl -n '__fish_seen_subcommand_from capture' -l $option -x
end
