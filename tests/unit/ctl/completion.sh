#!/usr/bin/env bash
# The completion offers what the program takes: commands, options, and modules of the log. Those for zsh
# and fish, as far as these are installed, offer what the one for bash does.
#   completion.sh SOURCE_ROOT SCTP_GATEWAY_CTL
set -euo pipefail
ctl=$2
# shellcheck source=tools/ctl/sctp-gateway-ctl.bash
. "$1/tools/ctl/sctp-gateway-ctl.bash"
completions=$1/tools/ctl/sctp-gateway-ctl
home=$(mktemp -d) # fish makes folders in its user's
trap 'rm -rf "$home"' EXIT

# offered WORDS...: what comes for an empty word behind these, a line each.
offered() {
    local bash zsh fish
    bash=$(offered_by_bash "$@")
    if command -v zsh >/dev/null; then
        zsh=$(offered_by_zsh "$@")
        [ "$bash" = "$zsh" ] || echo "zsh: $zsh"
    fi
    if command -v fish >/dev/null; then
        fish=$(offered_by_fish "$@")
        [ "$bash" = "$fish" ] || echo "fish: $fish"
    fi
    echo "$bash"
}
offered_by_bash() {
    COMP_WORDS=(sctp-gateway-ctl "$@" '') COMP_CWORD=$(($# + 1)) COMPREPLY=()
    _sctp_gateway_ctl
    printf '%s\n' "${COMPREPLY[@]}" | sed '/^$/d' | sort
}
# With a compadd that prints, in place of the line editor's.
# shellcheck disable=SC2016 # zsh expands it
offered_by_zsh() {
    zsh -f -c 'compadd() { shift; print -l -- "$@" }
        _files() { }
        () {
            local -a words=(sctp-gateway-ctl "$@[2,-1]" "")
            local CURRENT=$#words
            source $1
        } "$@"' zsh "$completions.zsh" "$@" | sed '/^$/d' | sort
}
# Fish offers options only for a word that begins like one.
# shellcheck disable=SC2016 # fish expands it
offered_by_fish() {
    env -u XDG_CONFIG_HOME -u XDG_DATA_HOME HOME="$home" fish --no-config -c 'source $argv[1]
        set -l line sctp-gateway-ctl $argv[2..]
        complete -C "$line "
        string match -q -- "--*" $argv[-1]; or complete -C "$line -"' "$completions.fish" "$@" 2>/dev/null |
        grep -v '^-w' | sort
}
# commands WORDS..., options WORDS...: what the program itself says behind these.
commands() { "$ctl" "$@" --help | sed -n '/^Subcommands:/,$ s/^  \([a-z-]\+\) .*/\1/p'; }
options() { "$ctl" "$@" --help | sed -n 's/^  [^ ]*\(--[a-z-]\+\).*/\1/p'; }
own_options() { options "$@" | grep -vx -e '--help' || true; }
same() {
    [ -n "$2" ] && [ "$2" = "$3" ] && return
    echo "FAILED: $1 are offered:" >&2
    diff <(echo "$3") <(echo "$2") >&2
    exit 1
}

same "commands" "$(offered)" "$( (commands && options) | sort)"
same "commands behind --socket FILE" "$(offered --socket /x)" "$(offered)"
same "associations" "$(offered associations)" "$(commands associations | sort)"
for command in $(commands); do
    case $command in
        associations | check-config) continue ;;
        log-level) own=$( (own_options log-level && printf '%s\n' error warn info debug) | sort) ;;
        *) own=$(own_options "$command" | sort) ;;
    esac
    [ -z "$own" ] && [ -z "$(offered "$command")" ] || same "of $command" "$(offered "$command")" "$own"
    [ -z "$own" ] || same "of $command behind an argument" "$(offered "$command" 1)" "$own"
done
# docs/config.md is made from the schema, and a test sees to it.
same "modules" "$(offered log-level debug --module)" \
    "$(sed -n '/^## log.modules$/,/^## / s/^| `\([a-z]\+\)` |.*/\1/p' "$1/docs/config.md" | sort)"
same "legs" "$(offered capture 1 --leg)" "$(printf '%s\n' accepted backend)"
echo ok
