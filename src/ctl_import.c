/*
 * ctl_import.c - heaprelayctl import: lines of JSON, each a batch
 *
 * Knows how to read them, to judge each before it is sent, and to remember how
 * far the agent has them, so that none is sent twice or left out.
 *
 * Two things hold that.  FILE.progress says where to go on; it is behind the
 * agent by one request at most.  And a batch without a source_request_id is
 * given one that is made of the file's beginning, the line's number and the
 * line, so that the agent drops what it is sent once more.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "ctl_bar.h"
#include "ctl_post.h"
#include "hash.h"
#include "mparticle.h"

#define BULK_MOST	100	/* batches of one request */
#define BEGINNING	65536	/* bytes that a file is known by */
#define HEX		65	/* of a SHA-256, with its NUL */
#define ID_DIGITS	32	/* of these in a source_request_id */

/* A batch that waits for the others of its request. */
struct line {
	size_t	 number;
	char	*text;
	size_t	 len;
};

struct import {
	const struct ctl *ctl;
	const char	*name;		/* of the file, for people */
	FILE		*f;
	struct ctl_post	*post;
	size_t		 most;		/* bytes of a request */
	char		*progress;	/* a file; NULL: standard input */
	char		 beginning[HEX];	/* hash of it; "": none */
	int64_t		 beginning_len;	/* bytes of it */
	int64_t		 size;		/* of the file; -1: not known */
	int64_t		 offset;	/* behind the line that was read last */
	size_t		 number;	/* that line */
	struct line	 line[BULK_MOST];
	size_t		 lines;
	size_t		 bytes;		/* of these, as a request has them */
	size_t		 accepted, refused;
	size_t		 skipped;	/* lines that an earlier run has done */
};

/* --- how far it is ---------------------------------------------------- */

/* The file's first `len` bytes (less if there are not so many), hashed. */
static void
hash_beginning(struct import *im, int64_t len)
{
	char *bytes = xmalloc(BEGINNING);
	uint8_t digest[32];
	size_t n;

	rewind(im->f);
	n = fread(bytes, 1, (size_t)len, im->f);
	rewind(im->f);
	hash_sha256(bytes, n, digest);
	hash_hex(digest, sizeof(digest), im->beginning);
	im->beginning_len = (int64_t)n;
	free(bytes);
}

static void
write_progress(struct import *im)
{
	char *fresh;
	FILE *f;

	if (im->progress == NULL)
		return;
	fresh = xasprintf("%s.new", im->progress);
	f = fopen(fresh, "we");
	if (f == NULL || fprintf(f, "{\"beginning\":\"%s\",\"bytes\":%lld,"
	    "\"line\":%zu,\"offset\":%lld}\n", im->beginning,
	    (long long)im->beginning_len, im->number,
	    (long long)im->offset) < 0 || fclose(f) == EOF ||
	    rename(fresh, im->progress) == -1) {
		ctl_bar_end();
		ctl_fail(CTL_REFUSED, "%s: %s", fresh, strerror(errno));
	}
	free(fresh);
}

/* A whole number of the progress file; -1: there is none. */
static int64_t
member(const cJSON *root, const char *name)
{
	const char *literal = json_literal(json_get(root, name));
	int64_t n;

	return literal != NULL && json_int64(literal, &n) ? n : -1;
}

/* Where the file's earlier run ended; false: this is not of this file. */
static bool
go_on(struct import *im, const cJSON *root)
{
	const char *beginning = json_text(json_get(root, "beginning"));
	int64_t bytes = member(root, "bytes"), line = member(root, "line");
	int64_t offset = member(root, "offset");

	if (beginning == NULL || bytes < 0 || bytes > BEGINNING || line < 0 ||
	    offset < 0 || offset > im->size)
		return false;
	hash_beginning(im, bytes);
	if (strcmp(im->beginning, beginning) != 0)
		return false;
	im->number = im->skipped = (size_t)line;
	im->offset = offset;
	return fseeko(im->f, (off_t)offset, SEEK_SET) == 0;
}

static void
read_progress(struct import *im)
{
	char text[512];
	struct json *json;
	FILE *f = fopen(im->progress, "re");
	size_t n;

	if (f == NULL && errno == ENOENT) {
		hash_beginning(im, BEGINNING);
		return;
	}
	if (f == NULL)
		ctl_fail(CTL_REFUSED, "%s: %s", im->progress,
		    strerror(errno));
	n = fread(text, 1, sizeof(text), f);
	fclose(f);
	json = json_parse(text, n, NULL);
	if (json == NULL || !go_on(im, json_root(json)))
		ctl_fail(CTL_REFUSED, "%s is of another file; take it away to "
		    "begin with the first line", im->progress);
	json_free(json);
}

/* --- one line --------------------------------------------------------- */

static void
refuse(struct import *im, size_t number, const char *why)
{
	ctl_bar_end();
	ctl_say("%s:%zu: %s", im->name, number, why);
	im->refused++;
}

/* What the agent would say of it; NULL: nothing. */
static const char *
judge(const struct import *im, const struct mp_request *r, size_t len)
{
	if (len + 2 > im->most)
		return "it is longer than max_request_bytes";
	if (r->refusals_n > 0)
		return r->refusals[0].message;
	return NULL;
}

/* A name for the batch, made of all that makes it this one. */
static void
put_id(const struct import *im, const struct mp_batch *b, struct buf *out)
{
	struct buf all = BUF_INIT;
	uint8_t digest[32];
	char hex[HEX];

	buf_printf(&all, "%s\n%zu\n", im->beginning, im->number);
	buf_put(&all, b->text, b->text_len);
	hash_sha256(all.p, all.len, digest);
	hash_hex(digest, sizeof(digest), hex);
	buf_printf(out, "import-%.*s", ID_DIGITS, hex);
	buf_free(&all);
}

/* The batch as it is sent.  Of two members of one name the last one counts,
 * so one that is null or empty may stay. */
static void
take(struct import *im, const struct mp_batch *b)
{
	struct line *l = &im->line[im->lines++];
	struct buf text = BUF_INIT;

	buf_put(&text, b->text, b->text_len);
	if (b->source_request_id == NULL) {
		buf_cut(&text, text.len - 1);	/* its closing brace */
		buf_printf(&text, "%s\"source_request_id\":\"",
		    b->root->child != NULL ? "," : "");
		put_id(im, b, &text);
		buf_puts(&text, "\"}");
	}
	l->number = im->number;
	l->len = text.len;
	l->text = buf_steal(&text);
	im->bytes += l->len + 1;
}

/* --- sending ---------------------------------------------------------- */

static void
forget_lines(struct import *im)
{
	size_t i;

	for (i = 0; i < im->lines; i++)
		free(im->line[i].text);
	im->lines = im->bytes = 0;
}

static void
send_one(struct import *im, const struct line *l)
{
	if (ctl_post(im->post, "/v2/events", l->text, l->len) ==
	    CTL_POST_ACCEPTED)
		im->accepted++;
	else
		refuse(im, l->number, ctl_post_message(im->post));
}

/* Which of them were refused is learnt one by one; those that were accepted
 * are known by their ids. */
static void
send_bulk(struct import *im)
{
	struct buf body = BUF_INIT;
	size_t i;

	for (i = 0; i < im->lines; i++) {
		buf_putc(&body, i == 0 ? '[' : ',');
		buf_put(&body, im->line[i].text, im->line[i].len);
	}
	buf_putc(&body, ']');
	if (ctl_post(im->post, "/v2/bulkevents", body.p, body.len) ==
	    CTL_POST_ACCEPTED)
		im->accepted += im->lines;
	else
		for (i = 0; i < im->lines; i++)
			send_one(im, &im->line[i]);
	buf_free(&body);
}

/* What was read so far is with the agent. */
static void
flush_lines(struct import *im)
{
	if (im->lines == 1)
		send_one(im, &im->line[0]);
	else if (im->lines > 1)
		send_bulk(im);
	forget_lines(im);
	write_progress(im);
	if (im->size >= 0)
		ctl_bar(im->offset, im->size, "bytes");
	else
		ctl_bar((int64_t)im->number, -1, "lines");
}

/* --- reading ---------------------------------------------------------- */

static bool
is_blank(const char *text, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (strchr(" \t\r\n", text[i]) == NULL)
			return false;
	return true;
}

/* `was`: behind the line before, where those that wait end.  false: this one
 * is bad, and that is the end. */
static bool
import_line(struct import *im, const char *text, size_t len, int64_t was)
{
	struct mp_request *r = mp_parse(MP_EVENTS, text, len);
	const char *why = judge(im, r, len);
	int64_t behind = im->offset;

	/* One with an id becomes longer by no more than that. */
	if (im->lines == BULK_MOST || (why == NULL && im->lines > 0 &&
	    im->bytes + len + 128 > im->most) ||
	    (why != NULL && !im->ctl->keep_going)) {
		im->offset = was;
		im->number--;
		flush_lines(im);
		im->number++;
		im->offset = behind;
	}
	if (why != NULL)
		refuse(im, im->number, why);
	else
		take(im, &r->batches[0]);
	mp_request_free(r);
	return why == NULL || im->ctl->keep_going;
}

static void
import_lines(struct import *im)
{
	size_t room = 0;
	char *text = NULL;
	bool more = true;
	int64_t was;
	ssize_t len;

	while (more && (len = getline(&text, &room, im->f)) != -1) {
		was = im->offset;
		im->offset += len;
		im->number++;
		if (!is_blank(text, (size_t)len))
			more = import_line(im, text, (size_t)len, was);
		if (im->refused > 0 && !im->ctl->keep_going)
			more = false;
	}
	if (ferror(im->f))
		ctl_fail(CTL_REFUSED, "%s: %s", im->name, strerror(errno));
	if (more)
		flush_lines(im);
	free(text);
}

static void
open_file(struct import *im, const char *file)
{
	struct stat st;

	im->size = -1;
	if (strcmp(file, "-") == 0) {
		im->name = "-";
		im->f = stdin;
		return;
	}
	im->name = file;
	im->f = fopen(file, "re");
	if (im->f == NULL || fstat(fileno(im->f), &st) == -1)
		ctl_fail(CTL_REFUSED, "%s: %s", file, strerror(errno));
	/* A pipe is read as standard input is. */
	if (!S_ISREG(st.st_mode))
		return;
	im->size = (int64_t)st.st_size;
	im->progress = xasprintf("%s.progress", file);
	read_progress(im);
}

static void
print_result(const struct import *im)
{
	struct buf line = BUF_INIT;

	if (im->ctl->json) {
		buf_puts(&line, "{\"file\":");
		json_put_text(&line, im->name);
		buf_printf(&line, ",\"skipped\":%zu,\"accepted\":%zu,"
		    "\"refused\":%zu}\n", im->skipped, im->accepted,
		    im->refused);
	} else {
		buf_printf(&line, "%zu accepted, %zu refused", im->accepted,
		    im->refused);
		if (im->skipped > 0)
			buf_printf(&line, ", %zu lines were done before",
			    im->skipped);
		buf_putc(&line, '\n');
	}
	ctl_print(&line);
	buf_free(&line);
}

int
ctl_import(const struct ctl *ctl)
{
	struct config *config = ctl_config(ctl);
	struct import im = { .ctl = ctl };
	int status;

	im.most = (size_t)config->max_request_bytes;
	open_file(&im, ctl->operand[0]);
	im.post = ctl_post_new(ctl, config, ctl_input(ctl, config));
	import_lines(&im);
	ctl_bar_end();
	print_result(&im);
	status = im.refused > 0 ? CTL_REFUSED : 0;
	ctl_post_free(im.post);
	if (im.f != stdin)
		fclose(im.f);
	forget_lines(&im);
	free(im.progress);
	config_free(config);
	return status;
}
