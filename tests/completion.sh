#!/bin/sh
#
# completion.sh - bash and zsh offer what heaprelayctl takes, and no more
#
# What it takes is asked of the program: the commands of its --help, and which
# of the options there go with each.  What is offered is asked of the shells;
# zsh is left out where it is not installed.
#
# usage: completion.sh [HEAPRELAYCTL]

set -eu
ctl=${1:-${HEAPRELAY_BUILDDIR:-.}/heaprelayctl}
srcdir=${srcdir:-.}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0

complain() {
	echo "completion.sh: $*" >&2
	status=1
}

"$ctl" --help > "$work/help"
sed -n 's/^  \([a-z][a-z|]*\)[ [].*/\1/p' "$work/help" | tr '|' '\n' |
    sort -u > "$work/commands"
{
	grep -o -e '--[a-z][a-z-]*' "$work/help"
	printf '%s\n' -c --config -n --limit
} | sort -u > "$work/options"
[ "$(wc -l < "$work/commands")" -ge 16 ] || complain 'no commands in --help'

# takes COMMAND OPTION: does the program say that they go together?  Nobody
# answers at that address, so that nothing happens.
: > "$work/token"
for option in $(cat "$work/options"); do
	"$ctl" "$option" 2>&1 | grep -q 'requires an argument' || continue
	printf '%s\n' "$option"
done > "$work/valued"
takes() {
	if grep -qx -e "$2" "$work/valued"; then
		set -- "$1" "$2" 1
	fi
	timeout 20 "$ctl" --url http://127.0.0.1:1 --token-file "$work/token" \
	    "$@" $operand < /dev/null > /dev/null 2> "$work/said" || true
	! grep -q 'does not go with' "$work/said"
}

general='-c --config --url --token-file --ca-file --json --help --version'
for command in $(cat "$work/commands"); do
	# Whether something has to follow is found out first.
	operand=
	takes "$command" --json
	! grep -q ' needs ' "$work/said" || operand=1
	for option in $(cat "$work/options"); do
		case " $general " in
		*" $option "*) ;;
		*) takes "$command" "$option" || continue ;;
		esac
		echo "$command $option"
	done
done | sort > "$work/wanted"

# --- bash -----------------------------------------------------------------

mkdir "$work/heaprelay"
cat > "$work/heaprelay/heaprelay.conf" <<'END'
[input salesforce]
[output heap]
app_id = 1
development_app_id = 2
[output europe]
END
sed 's/^\[output heap\]/[output other]/' "$work/heaprelay/heaprelay.conf" \
    > "$work/other.conf"
for file in heaprelayctl.bash _heaprelayctl; do
	sed "s|@sysconfdir@|$work|" "$srcdir/contrib/completion/$file.in" \
	    > "$work/$file"
done
cat > "$work/offer.bash" <<'END'
# For each line what may follow, on one line.  Divided as bash does.
source "$1/heaprelayctl.bash"
compopt() { files=' FILES'; }
while IFS= read -r line; do
	files=
	mapfile -t COMP_WORDS < <(sed 's/[=:]\{1,\}/\n&\n/g; s/ /\n/g' <<< "$line")
	COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
	COMPREPLY=()
	_heaprelayctl
	echo "$line >" "${COMPREPLY[@]}$files"
done
END

# --- zsh ------------------------------------------------------------------

cat > "$work/offer.zsh" <<'END'
# The same, read from the screen of an interactive shell: whatever it lists.
zmodload zsh/zpty
export TERM=dumb
tell() { zpty -w z "$1" }
zpty z zsh -f -i
tell "PS1=; stty -echo columns 200 rows 200; setopt no_beep no_auto_menu"
tell "fpath=($1 \$fpath); autoload -Uz compinit; compinit -u -D; LISTMAX=0"
tell "unset zle_bracketed_paste; setopt interactive_comments"
tell "finish() { print '<fin''ish>'; zle kill-whole-line }; zle -N finish"
tell "bindkey '^X' finish; bindkey '^I' complete-word; print '<rea''dy>'"
zpty -r z out '*<ready>*'
while IFS= read -r line; do
	zpty -n -w z "$line"$'\t\t\x18'
	zpty -r z out '*<finish>*'
	print -r -- "$line >" ${=${out//$'\r'/}//<finish>/}
done
zpty -d z
END

# --- what both should offer ------------------------------------------------

# Each command with a dash is asked for its options; the rest are cases.
{
	echo 'heaprelayctl '
	sed 's/.*/heaprelayctl & -/' "$work/commands"
} > "$work/lines"
cat > "$work/cases" <<'END'
heaprelayctl st > status
heaprelayctl events --state s > skipped stuck
heaprelayctl events --state=s > skipped stuck
heaprelayctl --json events --output h > heap heap.development
heaprelayctl events --output e > europe
heaprelayctl --url http://127.0.0.1:80 events --input=s > salesforce
heaprelayctl map --path /v2/b > /v2/bulkevents /v2/bulkevents/historical
heaprelayctl events --reason too > too_large
heaprelayctl jobs c > cancel
END
sed 's/ > .*//' "$work/cases" >> "$work/lines"
echo "heaprelayctl -c $work/other.conf events --output o" >> "$work/lines"
echo "heaprelayctl -c $work/other.conf events --output o > other" \
    >> "$work/cases"

# judge SHELL: are its offers, in a file, right?
judge() {
	sed -n 's/^heaprelayctl  > //p' "$work/$1" | tr ' ' '\n' |
	    sort -u > "$work/offered"
	while read -r command; do
		grep -qx "$command" "$work/offered" ||
		    complain "$1 does not offer $command"
	done < "$work/commands"
	sed -n 's/^heaprelayctl \([a-z]*\) - > /\1 /p' "$work/$1" | awk '{
		for (i = 2; i <= NF; i++)
			if ($i ~ /^--?[a-z]/ && !seen[$1, $i]++)
				print $1, $i
	}' | sort > "$work/offered"
	diff "$work/wanted" "$work/offered" > "$work/diff" ||
	    complain "$1: taken (<) and offered (>) differ: $(cat "$work/diff")"
	while read -r line; do
		offered=$(grep -F -e "${line%% > *} > " "$work/$1")
		for word in ${line#* > }; do
			case " ${offered#* > } " in
			*" $word "* | *"=$word "*) ;;
			*) complain "$1: '$offered' lacks $word" ;;
			esac
		done
	done < "$work/cases"
}

bash "$work/offer.bash" "$work" < "$work/lines" > "$work/bash"
judge bash
sed -n 's/^heaprelayctl  > //p' "$work/bash" | tr ' ' '\n' | sort |
    diff "$work/commands" - >&2 ||
    complain 'bash: commands that there are (<) and are offered (>) differ'
if command -v zsh > /dev/null; then
	timeout 60 zsh -f "$work/offer.zsh" "$work" < "$work/lines" \
	    > "$work/zsh"
	judge zsh
else
	echo 'completion.sh: there is no zsh here, its part was not tried'
fi

exit $status
