#!/bin/sh
#
# gates.sh - contrib/salesforce passes what can be checked without an org
#
# Each gate has to be green on the package, and red on a copy of it that has
# been spoilt: a gate that lets everything pass would not be noticed.
#
#   format   prettier, with Salesforce's own parser
#   types    apex-ls: every name, field, method and type
#   names    every custom field and object that is named anywhere exists
#   rules    PMD for Apex, see checks/pmd.xml
#   convert  Salesforce's deploy library knows every file
#   xml      the metadata is well formed, before and after the conversion
. "${srcdir:-.}/tests/flow/lib.sh"

for program in node npm java xmllint; do
	command -v "$program" > /dev/null || skip "no $program here"
done
java -version 2>&1 | grep -Eq '"(1[7-9]|[2-9][0-9])' || skip "no Java 17 here"
cp "$srcdir"/tests/salesforce/checks/* "$work"
chmod -R u+w "$work"
# What these packages need in turn is held where it was on that day.
(cd "$work" && npm install --before=2026-11-24 --prefer-offline \
    --ignore-scripts --no-audit --no-fund --silent) > "$work/npm.out" 2>&1 ||
    skip "no npm registry: $(tail -n 1 "$work/npm.out")"

jars=$work/node_modules/@salesforce/code-analyzer-pmd-engine/dist/java-lib
cp -R "$srcdir/contrib/salesforce" "$work/good"
chmod -R u+w "$work/good"

gate_format() {
	(cd "$1" && ../node_modules/.bin/prettier --check '**/*.cls' \
	    '**/*.trigger')
}

gate_types() {
	java -cp "$jars/*" io.github.apexdevtools.apexls.CheckForIssues \
	    -n -w "$1"
}

gate_names() {
	node "$work/names.mjs" "$1"
}

gate_rules() {
	node "$work/pmd.mjs" "$jars" "$work/pmd.xml" "$1" "$work"
}

gate_convert() {
	node "$work/convert.mjs" "$1" "$1/converted"
}

gate_xml() {
	find "$1" -name '*-meta.xml' -o -path '*/converted/*' -type f \
	    ! -name '*.cls' ! -name '*.trigger' > "$work/xml.list"
	grep -q converted/ "$work/xml.list" || return 1
	xargs xmllint --noout < "$work/xml.list"
}

# green GATE
green() {
	"gate_$1" "$work/good" > "$work/$1.out" 2>&1 ||
	    { cat "$work/$1.out" >&2; fail "$1: not green"; }
	echo "$1: green"
}

# fresh: a copy to be spoilt, in $work/bad.
fresh() {
	rm -rf "$work/bad"
	cp -R "$work/good" "$work/bad"
}

# spoil FILE EDIT: by sed; an edit that changes nothing is no control.
spoil() {
	sed -i "$2" "$work/bad/$1"
	! cmp -s "$work/good/$1" "$work/bad/$1" ||
	    fail "$1 is not spoilt by $2"
}

# red GATE WORD...: it fails on $work/bad, and names each of these.
red() {
	gate=$1
	shift
	! "gate_$gate" "$work/bad" > "$work/$gate.out" 2>&1 ||
	    fail "$gate: green on a copy that is spoilt: $*"
	for word; do
		grep -q -e "$word" "$work/$gate.out" || {
			cat "$work/$gate.out" >&2
			fail "$gate: red, but says nothing of $word"
		}
		echo "$gate: red as it must: $word"
	done
}

main=force-app/main/default
classes=$main/classes

green format
fresh
spoil $classes/HeapRelayOutbox.cls "s/'Pending'/\"Pending\"/"
spoil $classes/HeapRelayClient.cls 's/^    public/  public/'
red format HeapRelayOutbox.cls HeapRelayClient.cls

green types
fresh
spoil $classes/HeapRelayOutbox.cls '
s/row\.Attempts__c/row.Attempt__c/
s/event\.userKey()/event.userKeys()/'
spoil $classes/HeapRelayDispatcher.cls 's/Integer wait;/String wait;/'
red types Attempt__c userKeys HeapRelayDispatcher.cls

green names
fresh
spoil $classes/HeapRelaySweeper.cls 's/AND Sent_At__c </AND Sent_On__c </'
spoil $main/objects/HeapRelay_Outbox__c/listViews/Sent.listView-meta.xml \
    's/Last_Status__c/Final_Status__c/'
spoil $main/permissionsets/HeapRelay_Admin.permissionset-meta.xml \
    's/Outbox__c.Body__c/Outbox__c.Status__c/'
red names Sent_On__c Final_Status__c 'Status__c is required'

green rules
fresh
spoil $classes/HeapRelayClient.cls '
/catch (Exception e) {/,/^        }/{/return/,/);/d}'
red rules EmptyCatchBlock

green convert
fresh
(cd "$work/bad/$main/namedCredentials" && mv ./* HeapRelay.credential-meta.xml)
red convert HeapRelay.credential-meta.xml
fresh
(cd "$work/bad/$main/namedCredentials" && mv ./* HeapRelay.namedCredential.xml)
red convert 'HeapRelay.namedCredential.xml: of no known type'

green xml
fresh
spoil $main/permissionsets/HeapRelay_Sender.permissionset-meta.xml \
    '/<\/PermissionSet>/d'
red xml HeapRelay_Sender.permissionset-meta.xml
