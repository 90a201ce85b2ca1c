#!/bin/sh
#
# analysis.sh - what analysers say of src: gcc -fanalyzer, clang-tidy, cppcheck
#
# A finding is TOOL FILE CHECK.  Those in tests/analysis.accepted stay, each
# for a reason that is given there; any other one fails, and so does a line
# there that accepts what is not found any more.  Takes minutes.  Arguments
# name some of the tools (gcc tidy cppcheck); without the others it is content
# with those that are there.

set -eu
src=$(cd "${srcdir:-.}" && pwd)
build=${HEAPRELAY_BUILDDIR:-.}/analysis
tools=${*:-gcc tidy cppcheck}

mkdir -p "$build"
cd "$build"
# A make that runs this must not hand its own settings on.
unset MAKEFLAGS MFLAGS MAKELEVEL
[ -f Makefile ] || "$src/configure" --quiet CC=gcc \
    CFLAGS='-O2 -g -fanalyzer' > configure.out
make -s src/sql_gen.h > make.out 2>&1 || { cat make.out; exit 1; }

# Each prints its warnings as they are into a file of its name.

run_gcc() {
	make -s clean > /dev/null
	make -s -j2 all > gcc.out 2>&1 || { cat gcc.out; exit 1; }
}

# A file at a time, since one that upsets it must not hide the others.
run_tidy() {
	command -v clang-tidy > /dev/null || return 1
	for file in "$src"/src/*.c; do
		clang-tidy --quiet --config-file="$src/.clang-tidy" "$file" \
		    -- -std=c11 -D_GNU_SOURCE -I"$src/src" -Isrc \
		    -DHEAPRELAY_CONF='""' -DPACKAGE_VERSION='""' \
		    2> tidy.err || { cat tidy.err; exit 1; }
	done > tidy.out
}

# It takes the names of a callback's parameters, in a typedef, for those of the
# function that is handed one, so funcArgOrderDifferent is left to clang-tidy's
# readability-inconsistent-declaration-parameter-name.
run_cppcheck() {
	command -v cppcheck > /dev/null || return 1
	cppcheck --quiet --std=c11 -j2 \
	    --enable=warning,performance,portability \
	    --suppress=missingIncludeSystem --suppress=funcArgOrderDifferent \
	    --include="$src/tests/analysis_macros.h" -I "$src/src" -I src \
	    --template='{file}:{line}:1: warning: {message} [{id}]' \
	    "$src"/src/*.c > cppcheck.out 2>&1 || { cat cppcheck.out; exit 1; }
}

# findings TOOL: TOOL FILE CHECK, each once.
findings() {
	sed -n 's|^.*/src/\([a-z_]*\.[ch]\):[0-9]*:[0-9]*: warning: .*\[\(CWE-[0-9]*\] \[\)\{0,1\}\([^]]*\)\]$|\1 \3|p' \
	    "$1.out" | sed "s/^/$1 /" | sort -u
}

status=0
ran=0
for tool in $tools; do
	if ! "run_$tool"; then
		echo "$tool is not here"
		continue
	fi
	ran=$((ran + 1))
	findings "$tool" > "$tool.found"
	sed -n "s/^\($tool [^[:space:]]* [^[:space:]]*\).*/\1/p" \
	    "$src/tests/analysis.accepted" | sort -u > "$tool.accepted"
	comm -23 "$tool.found" "$tool.accepted" > "$tool.new"
	comm -13 "$tool.found" "$tool.accepted" > "$tool.gone"
	echo "$tool: $(wc -l < "$tool.found") findings," \
	    "$(wc -l < "$tool.new") of them new"
	while read -r _ file check; do
		grep -F "/src/$file:" "$tool.out" | grep -F "[$check]"
		status=1
	done < "$tool.new"
	while read -r line; do
		echo "not found any more: $line"
		status=1
	done < "$tool.gone"
done
[ "$ran" -gt 0 ] || exit 77
exit $status
