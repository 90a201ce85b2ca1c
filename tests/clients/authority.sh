# authority.sh - certificates of a public-looking authority: root,
# intermediate, leaf
#
# Sourced after lib.sh; leaves root.pem, intermediate.pem and, for each leaf,
# NAME.pem (the leaf alone), NAME.key and NAME.chain.pem (leaf and
# intermediate, what a server has to show) in $work.

command -v openssl > /dev/null || skip 'no openssl here'

# request NAME SUBJECT: a key and a request for it to be signed.
request() {
	openssl req -newkey rsa:2048 -nodes -subj "/CN=$2" \
	    -keyout "$work/$1.key" -out "$work/$1.csr" 2> /dev/null ||
	    fail "openssl cannot make a key for $1"
}

# sign NAME ISSUER SERIAL EXTENSIONS
sign() {
	printf '%b' "$4" > "$work/extensions"
	openssl x509 -req -in "$work/$1.csr" -CA "$work/$2.pem" \
	    -CAkey "$work/$2.key" -set_serial "$3" -days 2 \
	    -extfile "$work/extensions" -out "$work/$1.pem" 2> /dev/null ||
	    fail "openssl cannot sign $1"
}

# certificate NAME HOST SERIAL
certificate() {
	request "$1" "$2"
	sign "$1" intermediate "$3" \
	    "basicConstraints=CA:FALSE\nsubjectAltName=DNS:$2\n"
	cat "$work/$1.pem" "$work/intermediate.pem" > "$work/$1.chain.pem"
}

openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj '/CN=Test root' \
    -keyout "$work/root.key" -out "$work/root.pem" 2> /dev/null ||
    fail 'openssl cannot make a root'
request intermediate 'Test intermediate'
sign intermediate root 1 \
    'basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign,cRLSign\n'
