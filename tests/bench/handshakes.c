#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "pairing/channel.h"
#include "tests/bench/compare.h"
#include "tests/bench/native.h"

/* --- ours: two channels back to back ---------------------------------------------------------------------------------- */

#define WIRE_SIZE 16384

struct end {
	struct channel *channel;
	struct static_keys keys;
	struct static_product product;
	struct pairing_record record;
	bool live;
	uint8_t wire[WIRE_SIZE];
	size_t length;
	size_t bytes, records; /* sent since the start, in all */
};

struct link {
	struct end camera, companion;
	enum channel_kind kind;
	uint64_t now_us;
};

static void on_send(void *context, const uint8_t *bytes, size_t length) {
	struct end *end = context;
	REQUIRE(end->length + length <= WIRE_SIZE);
	memcpy(end->wire + end->length, bytes, length);
	end->length += length;
	end->bytes += length;
	end->records++;
}

static enum reason on_begin(void *context) {
	(void)context;
	return REASON_OK;
}

static void on_code(void *context, uint32_t code) {
	(void)context;
	(void)code;
}

static int on_commit(void *context, const struct pairing_record *record) {
	struct end *end = context;
	end->record = *record;
	return 0;
}

static void on_live(void *context) {
	struct end *end = context;
	end->live = true;
}

static void on_message(void *context, const uint8_t *bytes, size_t length) {
	(void)context;
	(void)bytes;
	(void)length;
}

static void on_closed(void *context, enum reason reason) {
	(void)context;
	(void)reason;
}

static const struct channel_callbacks callbacks = {
	.send = on_send,
	.pairing_begin = on_begin,
	.code = on_code,
	.commit = on_commit,
	.live = on_live,
	.message = on_message,
	.closed = on_closed,
};

static bool deliver(struct end *from, struct end *to, uint64_t now_us) {
	uint8_t bytes[WIRE_SIZE];
	size_t length = from->length;
	if (length == 0)
		return false;
	memcpy(bytes, from->wire, length);
	from->length = 0;
	channel_receive(to->channel, bytes, length, now_us);
	return true;
}

static void set_up(void *context) {
	struct link *link = context;
	struct end *ends[] = { &link->camera, &link->companion };
	for (size_t i = 0; i < 2; i++) {
		ends[i]->live = false;
		ends[i]->length = ends[i]->bytes = ends[i]->records = 0;
	}
	bool session = link->kind == CHANNEL_SESSION;
	struct channel_config camera = { .random = random_system(),
		                         .keys = &link->camera.keys,
		                         .pairing = session ? &link->camera.record : NULL,
		                         .product = &link->camera.product,
		                         .name = "LY-BENCH-1",
		                         .record_limit = RECORD_LIMIT_BLUETOOTH,
		                         .callbacks = &callbacks,
		                         .context = &link->camera };
	struct channel_config companion = camera;
	companion.keys = &link->companion.keys;
	companion.product = &link->companion.product;
	companion.pairing = session ? &link->companion.record : NULL;
	companion.name = "phone";
	companion.context = &link->companion;
	REQUIRE(channel_new_camera(&link->camera.channel, &camera, false, link->now_us) == 0);
	REQUIRE(channel_new_companion(&link->companion.channel, &companion, link->kind, link->now_us) == 0);
	bool confirmed = session;
	for (;;) {
		while (deliver(&link->companion, &link->camera, link->now_us) ||
		       deliver(&link->camera, &link->companion, link->now_us))
			;
		if (confirmed)
			break;
		channel_confirm(link->camera.channel, true, link->now_us);
		channel_confirm(link->companion.channel, true, link->now_us);
		confirmed = true;
	}
	REQUIRE(link->camera.live && link->companion.live);
	channel_free(link->camera.channel);
	channel_free(link->companion.channel);
}

/* --- the peer: TLS 1.3, both ends with certificates -------------------------------------------------------------------- */

struct tls {
	SSL_CTX *server, *client;
	size_t bytes, flights;
};

static EVP_PKEY *make_key(void) {
	EVP_PKEY *key = NULL;
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_id(EVP_PKEY_ED25519, NULL);
	REQUIRE(context && EVP_PKEY_keygen_init(context) == 1 && EVP_PKEY_keygen(context, &key) == 1);
	EVP_PKEY_CTX_free(context);
	return key;
}

static X509 *make_certificate(EVP_PKEY *key, const char *name) {
	X509 *certificate = X509_new();
	REQUIRE(certificate && X509_set_version(certificate, 2) == 1);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
	X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1,
	                           0);
	X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
	X509_set_pubkey(certificate, key);
	REQUIRE(X509_sign(certificate, key, NULL) > 0);
	return certificate;
}

static SSL_CTX *make_context(const SSL_METHOD *method, EVP_PKEY *key, X509 *own, X509 *peer) {
	SSL_CTX *context = SSL_CTX_new(method);
	REQUIRE(context && SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1);
	REQUIRE(SSL_CTX_set_ciphersuites(context, "TLS_AES_256_GCM_SHA384") == 1 &&
	        SSL_CTX_set1_groups_list(context, "X25519") == 1);
	REQUIRE(SSL_CTX_use_certificate(context, own) == 1 && SSL_CTX_use_PrivateKey(context, key) == 1);
	REQUIRE(X509_STORE_add_cert(SSL_CTX_get_cert_store(context), peer) == 1);
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	SSL_CTX_set_num_tickets(context, 0);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	return context;
}

static void tls_start(struct tls *tls) {
	EVP_PKEY *keys[] = { make_key(), make_key() };
	X509 *certificates[] = { make_certificate(keys[0], "camera"), make_certificate(keys[1], "companion") };
	tls->server = make_context(TLS_server_method(), keys[0], certificates[0], certificates[1]);
	tls->client = make_context(TLS_client_method(), keys[1], certificates[1], certificates[0]);
	for (size_t i = 0; i < 2; i++) {
		X509_free(certificates[i]);
		EVP_PKEY_free(keys[i]);
	}
}

static bool tls_step(SSL *ssl, BIO *out, struct tls *tls, bool *done) {
	size_t before = BIO_ctrl_pending(out);
	int result = SSL_do_handshake(ssl);
	REQUIRE(result == 1 || SSL_get_error(ssl, result) == SSL_ERROR_WANT_READ);
	*done = result == 1;
	size_t sent = BIO_ctrl_pending(out) - before;
	tls->bytes += sent;
	tls->flights += sent > 0;
	return sent > 0;
}

static void tls_set_up(void *context) {
	struct tls *tls = context;
	SSL *server = SSL_new(tls->server), *client = SSL_new(tls->client);
	BIO *to_server = BIO_new(BIO_s_mem()), *to_client = BIO_new(BIO_s_mem());
	REQUIRE(server && client && to_server && to_client);
	BIO_up_ref(to_server);
	BIO_up_ref(to_client);
	SSL_set_bio(server, to_server, to_client);
	SSL_set_bio(client, to_client, to_server);
	SSL_set_accept_state(server);
	SSL_set_connect_state(client);
	tls->bytes = tls->flights = 0;
	bool server_done = false, client_done = false;
	while (!server_done || !client_done) {
		bool sent = tls_step(client, to_server, tls, &client_done);
		sent = tls_step(server, to_client, tls, &server_done) || sent;
		REQUIRE(sent || (server_done && client_done));
	}
	SSL_free(server);
	SSL_free(client);
}

/* --- figures ------------------------------------------------------------------------------------------------------------ */

void bench_handshakes(void) {
	static struct link pairing = { .kind = CHANNEL_PAIRING, .now_us = 1000 * SECOND_US }, session;
	static struct tls tls;
	static_keys_make(&pairing.camera.keys, random_system());
	static_keys_make(&pairing.companion.keys, random_system());
	tls_start(&tls);
	set_up(&pairing);
	session = pairing;
	session.kind = CHANNEL_SESSION;
	double seconds[3];
	compare(CLOCK_WORKING,
	        (const struct contender[]){
	                { "session", set_up, &session }, { "pairing", set_up, &pairing }, { "TLS 1.3", tls_set_up, &tls } },
	        3, 101, seconds);
	static const char tls_name[] = "TLS 1.3 mutual, OpenSSL";
	figure_print(
	        &(struct figure){ "session set-up, both ends", "us", seconds[0] * 1e6, seconds[2] * 1e6, tls_name, 1, false });
	figure_print(&(struct figure){ "session set-up, bytes", "B", (double)(session.camera.bytes + session.companion.bytes),
	                               (double)tls.bytes, tls_name, 1, false });
	figure_print(&(struct figure){ "session set-up, messages", "",
	                               (double)(session.camera.records + session.companion.records), (double)tls.flights,
	                               tls_name, 0, false });
	figure_print(&(struct figure){ "pairing, both ends", "us", seconds[1] * 1e6, seconds[2] * 1e6, tls_name, 0, false });
	figure_print(&(struct figure){ "pairing, bytes", "B", (double)(pairing.camera.bytes + pairing.companion.bytes),
	                               (double)tls.bytes, tls_name, 1, false });
	figure_print(&(struct figure){ "pairing, messages", "", (double)(pairing.camera.records + pairing.companion.records), 0,
	                               NULL, 0, false });
	SSL_CTX_free(tls.server);
	SSL_CTX_free(tls.client);
}
