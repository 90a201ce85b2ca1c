#!/bin/sh
#
# options.sh - every setting is in the sample file and the manual, with the
# right default and (R) mark, and nothing else is
#
# usage: options.sh [PRINT_CONFIG_KEYS]
#
# Three lists of "section key default reload|restart", divided by tabs, must
# be the same: that of the program's table, that of the sample, that of the
# manual.  $srcdir is the top of the source tree.

set -eu

keys=${1:-${HEAPRELAY_BUILDDIR:-.}/tests/unit/print_config_keys}
srcdir=${srcdir:-.}
sample=$srcdir/contrib/heaprelay.conf.sample
manual=$srcdir/man/heaprelay.conf.5

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# A setting of the sample is "#key = default"; the comment above it, up to an
# empty line or another setting, has the mark.  Lines of one list are joined.
sample_settings() {
	awk '
	function flush() {
		if (key != "")
			printf "%s\t%s\t%s\t%s\n", section, key, value, mark
		key = ""
	}
	/^\[/ {
		flush()
		section = $1
		gsub(/[][]/, "", section)
		mark = "restart"
		next
	}
	/^#[a-z_]+ =/ {
		name = substr($1, 2)
		said = $0
		sub(/^#[a-z_]+ = ?/, "", said)
		if (name == key) {
			value = value ", " said
			next
		}
		flush()
		key = name
		value = said
		next
	}
	/^$/ { flush(); mark = "restart"; next }
	/^#( |$)/ {
		if (/\(R\)/)
			mark = "reload"
		next
	}
	{ print "not a comment, setting or section: " $0 }
	END { flush() }
	' "$sample"
}

# A setting of the manual heads its item: ".It Ic key = Cm default Pq R", or
# "Ar word" if there is no default; a long one goes on behind a backslash.
manual_settings() {
	awk '
	/^\.Ss / { section = $2 == "Section" ? $3 : ""; next }
	section == "" { next }
	/^\.It / {
		head = $0
		while (head ~ /\\$/ && (getline more) > 0) {
			sub(/ *\\$/, " ", head)
			head = head more
		}
		if (head !~ /^\.It Ic [a-z_]+ = (Cm|Ar) [^ ]/) {
			print "not a setting: " head
			next
		}
		mark = sub(/ Pq R$/, "", head) ? "reload" : "restart"
		split(head, word, " ")
		value = ""
		if (word[5] == "Cm") {
			value = head
			sub(/^\.It Ic [a-z_]+ = Cm /, "", value)
		}
		printf "%s\t%s\t%s\t%s\n", section, word[3], value, mark
	}
	/^\.Sh / { section = "" }
	' "$manual"
}

"$keys" | sort >"$work/table"
sample_settings | sort >"$work/sample"
manual_settings | sort >"$work/manual"

if [ ! -s "$work/table" ]; then
	echo "options.sh: $keys printed no setting" >&2
	exit 1
fi

status=0
for where in sample manual; do
	if ! diff -u "$work/table" "$work/$where"; then
		echo "options.sh: the table and the $where differ" >&2
		status=1
	fi
done
exit $status
