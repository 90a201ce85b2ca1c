# front.sh - a TLS front as strangers see it, who know the root alone
#
# Sourced after authority.sh.  The front is at https://localhost:$front_port.

printf '%s' '{"mpid":"9","events":[{"event_type":"custom_event","data":{"event_name":"Over TLS"}}]}' \
    > "$work/batch.json"
java=
if command -v java > /dev/null && command -v keytool > /dev/null &&
    java --list-modules 2> /dev/null | grep -q "^jdk.compiler@"; then
	java=$(java -version 2>&1 | sed -n '1s/.*"\(.*\)".*/\1/p')
	keytool -importcert -noprompt -alias root -file "$work/root.pem" \
	    -keystore "$work/trust" -storepass changeit > /dev/null 2>&1 ||
	    fail 'keytool'
fi

# front PATH FILE [CURL-OPTION...]: prints the status; head and body are in
# $work/head and $work/answer.
front() {
	path=$1
	file=$2
	shift 2
	curl -s -m 30 -o "$work/answer" -D "$work/head" -w '%{http_code}' \
	    --noproxy '*' --cacert "$work/root.pem" -u key:secret \
	    -H 'Content-Type: application/json' --data-binary "@$file" "$@" \
	    "https://localhost:$front_port$path"
}

# handshake [OPTION...]: openssl's client, which says how the chain verifies.
handshake() {
	openssl s_client -connect "127.0.0.1:$front_port" -servername \
	    localhost -CAfile "$work/root.pem" "$@" < /dev/null \
	    > "$work/handshake" 2>&1
}

java_post() {
	java -Djavax.net.ssl.trustStore="$work/trust" \
	    -Djavax.net.ssl.trustStorePassword=changeit \
	    "$clients/Post.java" "https://localhost:$front_port/v2/events"
}

# front_trusted WHO: whoever knows the root gets a batch through.
front_trusted() {
	status=$(front /v2/events "$work/batch.json") || true
	[ "$status" = 202 ] || fail "$1: curl was answered $status"
	handshake -verify_return_error || fail "$1: $(cat "$work/handshake")"
	grep -q 'Verify return code: 0 (ok)' "$work/handshake" ||
	    fail "$1: $(cat "$work/handshake")"
	[ -n "$java" ] || return 0
	status=$(java_post)
	[ "$status" = 202 ] || fail "$1: Java was answered $status"
}

# front_untrusted WHO: without the intermediate nobody gets through, and each
# client says it in its own words; Java in those that a Salesforce log shows.
front_untrusted() {
	front /v2/events "$work/batch.json" > "$work/status" && code=0 || code=$?
	[ "$code" = 60 ] || fail "$1: curl ends with $code, not with 60"
	handshake -verify_return_error && fail "$1: openssl got through"
	grep -q 'error:num=20:unable to get local issuer certificate' \
	    "$work/handshake" || fail "$1: $(cat "$work/handshake")"
	[ -n "$java" ] || return 0
	said=$(java_post)
	case $said in
	*'PKIX path building failed'*) ;;
	*) fail "$1: Java says $said" ;;
	esac
}

# front_old WHO: TLS before 1.2 is refused, by the server.
front_old() {
	for protocol in tls1 tls1_1; do
		handshake "-$protocol" -cipher 'DEFAULT@SECLEVEL=0' &&
		    fail "$1: $protocol is spoken"
		grep -q 'alert protocol version' "$work/handshake" ||
		    fail "$1: $protocol: $(cat "$work/handshake")"
	done
	for protocol in tls1_2 tls1_3; do
		handshake "-$protocol" || fail "$1: no $protocol"
	done
}

# front_tried WHO VERSION
front_tried() {
	tried "curl to $1" "$(curl --version | sed -n '1s/^curl \([^ ]*\).*/\1/p')" \
	    "202; refuses a chain without its intermediate"
	tried "openssl to $1" "$(openssl version | cut -d ' ' -f 2)" \
	    "verifies; refuses a chain without its intermediate"
	[ -z "$java" ] ||
	    tried "Java to $1" "$java" '202; PKIX path building failed'
}
