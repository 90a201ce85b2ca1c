/*
 * test_sender_trust.c - whose certificates are good: the system's, or those
 * of a file, and only for the name that was asked for
 *
 * The server gets a certificate of its own making for 127.0.0.1.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "mem.h"
#include "sender_fixture.h"

static X509 *
self_signed(EVP_PKEY *key)
{
	X509 *cert = X509_new();
	X509_NAME *name = X509_get_subject_name(cert);
	X509_EXTENSION *san = X509V3_EXT_conf_nid(NULL, NULL,
	    NID_subject_alt_name, "IP:127.0.0.1");

	X509_set_version(cert, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), -60);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
	    (const unsigned char *)"test", -1, -1, 0);
	X509_set_issuer_name(cert, name);
	X509_set_pubkey(cert, key);
	X509_add_ext(cert, san, -1);
	X509_EXTENSION_free(san);
	assert_int_not_equal(X509_sign(cert, key, EVP_sha256()), 0);
	return cert;
}

static void
sender_post_trusts_the_system_or_the_ca_file_and_checks_the_name(
    void **state)
{
	char path[] = "/tmp/test_sender.XXXXXX";
	struct bench *b = *state;
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = self_signed(key);
	FILE *file = fdopen(mkstemp(path), "w");
	const struct sender_result *r;
	char *url;

	assert_non_null(file);
	PEM_write_X509(file, cert);
	fclose(file);
	b->server.tls = SSL_CTX_new(TLS_server_method());
	SSL_CTX_use_certificate(b->server.tls, cert);
	SSL_CTX_use_PrivateKey(b->server.tls, key);
	url = xasprintf("https://localhost:%d/ok", b->server.port);

	r = post_one(b, "/ok");
	assert_int_equal(r->status, 0);
	assert_true(r->never_left);

	b->settings.ca_file = path;
	sender_set(b->sender, &b->settings);
	r = post_one(b, "/ok");
	assert_string_equal(r->error, "");
	assert_int_equal(r->status, 200);
	r = post_one(b, url);
	assert_int_equal(r->status, 0);
	assert_true(r->never_left);

	b->settings.ca_file = NULL;
	sender_set(b->sender, &b->settings);
	r = post_one(b, "/ok");
	assert_int_equal(r->status, 0);
	assert_int_equal(b->server.requests, 1);

	unlink(path);
	free(url);
	X509_free(cert);
	EVP_PKEY_free(key);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    SENDER_TEST(
	sender_post_trusts_the_system_or_the_ca_file_and_checks_the_name),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
