/*
 * test_http_listen.c - addresses, unix sockets, TLS
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/event.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "http_fixture.h"

static void
http_listen_explains_what_it_cannot_listen_on(void **state)
{
	static const char *const addresses[] = {
		"", "localhost", ":80", "127.0.0.1:", "127.0.0.1:http",
		"127.0.0.1:65536", "127.0.0.1:+1", "::1:80", "[::1]", "[]:80",
		"unix:", "unix:/nowhere/at/all", "192.0.2.1:0"
	};
	struct fixture fx;
	struct why why;
	char taken[32];
	size_t i;
	(void)state;

	start(&fx, LONG_MS);
	for (i = 0; i < HR_COUNT(addresses); i++) {
		why.text[0] = '\0';
		if (http_listen(fx.front, addresses[i], &why) != -1)
			fail_msg("listens on %s", addresses[i]);
		assert_memory_equal(why.text, addresses[i],
		    strlen(addresses[i]));
	}
	snprintf(taken, sizeof(taken), "127.0.0.1:%d", http_port(fx.front));
	assert_int_equal(http_listen(fx.front, taken, &why), -1);
	assert_non_null(strstr(why.text, "in use"));
	finish(&fx);
}

static int
dial_unix(const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == -1) {
		close(fd);
		return -1;
	}
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

/* A socket file whose owner is dead. */
static void
leave_stale_socket(const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	close(fd);
}

static void
http_listen_serves_a_unix_socket_and_removes_it(void **state)
{
	struct fixture fx;
	struct buf in = BUF_INIT;
	struct why why;
	struct stat st;
	char address[100], *path = address + 5;
	int fd;
	(void)state;

	start(&fx, LONG_MS);
	snprintf(address, sizeof(address), "unix:%s/socket", fx.dir);
	leave_stale_socket(path);
	if (http_listen(fx.front, address, &why) == -1)
		fail_msg("%s", why.text);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	/* One that is listened on is left alone. */
	assert_int_equal(http_listen(fx.front, address, &why), -1);
	fd = dial_unix(path);
	say(fd, TEXT(GET("/local")));
	expect(&fx, fd, &in, 200, "GET /local ");
	close(fd);
	http_stop(fx.http);

	assert_int_equal(access(path, F_OK), -1);
	buf_free(&in);
	finish(&fx);
}

static void
http_listen_leaves_files_that_are_no_sockets(void **state)
{
	struct fixture fx;
	struct why why;
	char address[100], *path = address + 5;
	(void)state;

	start(&fx, LONG_MS);
	snprintf(address, sizeof(address), "unix:%s/file", fx.dir);
	fclose(fopen(path, "w"));

	assert_int_equal(http_listen(fx.front, address, &why), -1);

	assert_int_equal(access(path, F_OK), 0);
	unlink(path);
	finish(&fx);
}

/* A self-signed certificate of that serial number and its key, as files. */
static void
write_certificate(const char *certificate, const char *key, long serial)
{
	EVP_PKEY *pair = EVP_RSA_gen(2048);
	X509 *x = X509_new();
	X509_NAME *name = X509_get_subject_name(x);
	FILE *f;

	ASN1_INTEGER_set(X509_get_serialNumber(x), serial);
	X509_gmtime_adj(X509_getm_notBefore(x), -3600);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
	    (const unsigned char *)"localhost", -1, -1, 0);
	X509_set_issuer_name(x, name);
	X509_set_pubkey(x, pair);
	assert_true(X509_sign(x, pair, EVP_sha256()) > 0);
	assert_non_null(f = fopen(certificate, "w"));
	PEM_write_X509(f, x);
	fclose(f);
	assert_non_null(f = fopen(key, "w"));
	PEM_write_PrivateKey(f, pair, NULL, NULL, 0, NULL, NULL);
	fclose(f);
	X509_free(x);
	EVP_PKEY_free(pair);
}

/*
 * Says the text over TLS and hears until the end: given.  NULL: no handshake.
 * Sets the serial number of the server's certificate.
 */
static char *
ask_tls(struct fixture *fx, int max_version, const char *text, long *serial)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	SSL *ssl = SSL_new(context);
	struct buf in = BUF_INIT;
	char block[4096], *answer = NULL;
	int64_t give_up = now_ms() + PATIENCE_MS;
	X509 *x;
	int fd = dial(fx), rc;

	/* Security level 0, or the client would not even try old versions. */
	SSL_set_security_level(ssl, 0);
	SSL_set_min_proto_version(ssl, TLS1_VERSION);
	SSL_set_max_proto_version(ssl, max_version);
	SSL_set_fd(ssl, fd);
	while ((rc = SSL_connect(ssl)) != 1) {
		if (SSL_get_error(ssl, rc) != SSL_ERROR_WANT_READ ||
		    now_ms() > give_up)
			goto out;
		turn(fx);
	}
	x = SSL_get1_peer_certificate(ssl);
	*serial = ASN1_INTEGER_get(X509_get_serialNumber(x));
	X509_free(x);
	/* A record a byte, to be held up while a request is in progress. */
	for (; *text != '\0'; text++) {
		assert_int_equal(SSL_write(ssl, text, 1), 1);
		event_base_loop(fx->base, EVLOOP_NONBLOCK);
	}
	for (;;) {
		rc = SSL_read(ssl, block, sizeof(block));
		if (rc > 0)
			buf_put(&in, block, (size_t)rc);
		else if (SSL_get_error(ssl, rc) != SSL_ERROR_WANT_READ)
			break;
		assert_true(now_ms() < give_up);
		turn(fx);
	}
	/* Said goodbye, not just hung up. */
	assert_int_equal(SSL_get_error(ssl, rc), SSL_ERROR_ZERO_RETURN);
	answer = buf_steal(&in);
out:
	ERR_clear_error();
	SSL_free(ssl);
	SSL_CTX_free(context);
	close(fd);
	return answer;
}

/* 0: the front has the certificate. */
static int
use_tls(struct http_front *front, const char *certificate, const char *key,
    struct why *why)
{
	struct http_certificate *c = http_certificate(certificate, key, why);

	if (c == NULL)
		return -1;
	http_tls(front, c);
	return 0;
}

static void
http_tls_speaks_1_2_and_later_with_the_latest_certificate(void **state)
{
	static const char text[] =
	    HEAD("POST /") "Content-Length: 5\r\n\r\nhello"
	    HEAD("GET /last") "Connection: close\r\n\r\n";
	struct fixture fx;
	struct why why;
	char certificate[128], key[128], *answer;
	long serial = 0;
	(void)state;

	start(&fx, LONG_MS);
	fx.mode = HOLD;
	fx.releasing = true;
	snprintf(certificate, sizeof(certificate), "%s/cert", fx.dir);
	snprintf(key, sizeof(key), "%s/key", fx.dir);
	write_certificate(certificate, key, 1);
	assert_int_equal(use_tls(fx.front, certificate, key, &why), 0);

	answer = ask_tls(&fx, TLS1_3_VERSION, text, &serial);
	assert_non_null(answer);
	assert_int_equal(serial, 1);
	expect_text(answer, "POST / hello");
	expect_text(answer, "GET /last ");
	free(answer);
	answer = ask_tls(&fx, TLS1_2_VERSION, text, &serial);
	assert_non_null(answer);
	free(answer);
	assert_null(ask_tls(&fx, TLS1_1_VERSION, text, &serial));

	write_certificate(certificate, key, 2);
	assert_int_equal(use_tls(fx.front, certificate, key, &why), 0);
	answer = ask_tls(&fx, TLS1_3_VERSION, text, &serial);
	assert_int_equal(serial, 2);
	free(answer);

	/* A refused framing is answered before the connection ends. */
	answer = ask_tls(&fx, TLS1_3_VERSION, "GET / HTTP/1.1\r\n\r\n",
	    &serial);
	assert_int_equal(status_of(answer), 400);
	free(answer);
	unlink(certificate);
	unlink(key);
	finish(&fx);
}

static void
http_tls_explains_and_keeps_what_it_has_when_files_are_bad(void **state)
{
	struct fixture fx;
	struct why why;
	char certificate[128], key[128], other[128], *answer;
	long serial = 0;
	(void)state;

	start(&fx, LONG_MS);
	snprintf(certificate, sizeof(certificate), "%s/cert", fx.dir);
	snprintf(key, sizeof(key), "%s/key", fx.dir);
	snprintf(other, sizeof(other), "%s/other", fx.dir);
	write_certificate(certificate, other, 1);
	write_certificate(certificate, key, 7);
	assert_int_equal(use_tls(fx.front, certificate, key, &why), 0);

	assert_int_equal(use_tls(fx.front, "/nowhere", key, &why), -1);
	assert_non_null(strstr(why.text, "/nowhere: "));
	assert_int_equal(use_tls(fx.front, certificate, other, &why), -1);
	assert_non_null(strstr(why.text, other));
	assert_int_equal(use_tls(fx.front, certificate, "/nokey", &why), -1);
	assert_non_null(strstr(why.text, "/nokey: "));

	answer = ask_tls(&fx, TLS1_3_VERSION,
	    HEAD("GET /") "Connection: close\r\n\r\n", &serial);
	assert_int_equal(serial, 7);
	free(answer);
	unlink(certificate);
	unlink(key);
	unlink(other);
	finish(&fx);
}

/* The key again, encrypted. */
static void
encrypt_key(const char *key, char *passphrase)
{
	EVP_PKEY *pair;
	FILE *f;

	assert_non_null(f = fopen(key, "r"));
	pair = PEM_read_PrivateKey(f, NULL, NULL, NULL);
	fclose(f);
	assert_non_null(pair);
	assert_non_null(f = fopen(key, "w"));
	PEM_write_PrivateKey(f, pair, EVP_aes_128_cbc(), NULL, 0, NULL,
	    passphrase);
	fclose(f);
	EVP_PKEY_free(pair);
}

/* Where there is no terminal, standard input is asked. */
static void
http_certificate_asks_nobody_for_a_passphrase(void **state)
{
	static const char line[] = "passphrase\n";
	char passphrase[] = "passphrase", certificate[128], key[128];
	int input = dup(STDIN_FILENO), ends[2];
	struct fixture fx;
	struct why why;
	(void)state;

	start(&fx, LONG_MS);
	snprintf(certificate, sizeof(certificate), "%s/cert", fx.dir);
	snprintf(key, sizeof(key), "%s/key", fx.dir);
	write_certificate(certificate, key, 1);
	encrypt_key(key, passphrase);
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
	close(ends[0]);
	assert_int_equal(write(ends[1], line, strlen(line)), strlen(line));
	close(ends[1]);

	assert_int_equal(use_tls(fx.front, certificate, key, &why), -1);
	assert_non_null(strstr(why.text, key));
	assert_non_null(strstr(why.text, "encrypted"));

	if (input != -1) {
		dup2(input, STDIN_FILENO);
		close(input);
	}
	unlink(certificate);
	unlink(key);
	finish(&fx);
}

/* Some end what they send with the socket's half and no word of TLS. */
static void
http_tls_answers_a_client_that_hangs_up_its_half(void **state)
{
	static const char text[] = HEAD("GET /half");
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	SSL *ssl = SSL_new(context);
	char certificate[128], key[128], block[4096];
	int64_t give_up = now_ms() + PATIENCE_MS;
	struct buf in = BUF_INIT;
	struct fixture fx;
	struct why why;
	int fd, rc;
	(void)state;

	start(&fx, LONG_MS);
	fx.mode = HOLD;
	snprintf(certificate, sizeof(certificate), "%s/cert", fx.dir);
	snprintf(key, sizeof(key), "%s/key", fx.dir);
	write_certificate(certificate, key, 1);
	assert_int_equal(use_tls(fx.front, certificate, key, &why), 0);
	fd = dial(&fx);
	SSL_set_fd(ssl, fd);
	while ((rc = SSL_connect(ssl)) != 1 && now_ms() < give_up)
		turn(&fx);
	assert_int_equal(rc, 1);

	assert_true(SSL_write(ssl, text, (int)strlen(text)) > 0);
	assert_int_equal(SSL_write(ssl, "\r\n", 2), 2);
	shutdown(fd, SHUT_WR);
	for (rc = 0; rc < 20; rc++)
		turn(&fx);
	fx.releasing = true;
	for (;;) {
		rc = SSL_read(ssl, block, sizeof(block));
		if (rc > 0)
			buf_put(&in, block, (size_t)rc);
		else if (SSL_get_error(ssl, rc) != SSL_ERROR_WANT_READ)
			break;
		assert_true(now_ms() < give_up);
		turn(&fx);
	}

	expect_text(buf_str(&in), "GET /half ");
	ERR_clear_error();
	SSL_free(ssl);
	SSL_CTX_free(context);
	close(fd);
	unlink(certificate);
	unlink(key);
	buf_free(&in);
	finish(&fx);
}

static void
http_closes_a_handshake_that_does_not_end(void **state)
{
	struct fixture fx;
	struct buf in = BUF_INIT;
	struct why why;
	char certificate[128], key[128];
	int fd;
	(void)state;

	start(&fx, SHORT_MS);
	snprintf(certificate, sizeof(certificate), "%s/cert", fx.dir);
	snprintf(key, sizeof(key), "%s/key", fx.dir);
	write_certificate(certificate, key, 1);
	assert_int_equal(use_tls(fx.front, certificate, key, &why), 0);
	fd = dial(&fx);
	say(fd, TEXT("\x16\x03\x01\x02"));

	drip(&fx, fd, "\x01\x01", &in);

	assert_int_equal(in.len, 0);
	close(fd);
	unlink(certificate);
	unlink(key);
	buf_free(&in);
	finish(&fx);
}

/* A client waits in the kernel's queue until there is one to have it with. */
static void
http_accepts_again_once_there_are_descriptors(void **state)
{
	struct buf in = BUF_INIT;
	struct rlimit was, none;
	struct fixture fx;
	int fd, next;
	(void)state;

	start(&fx, LONG_MS);
	fd = dial(&fx);
	say(fd, TEXT(GET("/waits")));
	next = dup(fd);
	close(next);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	none = was;
	none.rlim_cur = (rlim_t)next;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	settle(&fx);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	assert_int_equal(fx.handled, 0);

	expect(&fx, fd, &in, 200, NULL);

	assert_int_equal(fx.handled, 1);
	close(fd);
	buf_free(&in);
	finish(&fx);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(http_listen_explains_what_it_cannot_listen_on),
		cmocka_unit_test(
		    http_listen_serves_a_unix_socket_and_removes_it),
		cmocka_unit_test(http_listen_leaves_files_that_are_no_sockets),
		cmocka_unit_test(
		    http_tls_speaks_1_2_and_later_with_the_latest_certificate),
		cmocka_unit_test(
		    http_tls_explains_and_keeps_what_it_has_when_files_are_bad),
		cmocka_unit_test(http_certificate_asks_nobody_for_a_passphrase),
		cmocka_unit_test(
		    http_tls_answers_a_client_that_hangs_up_its_half),
		cmocka_unit_test(http_closes_a_handshake_that_does_not_end),
		cmocka_unit_test(http_accepts_again_once_there_are_descriptors)
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
