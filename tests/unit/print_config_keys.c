/*
 * print_config_keys.c - the table of settings, for tests/options.sh
 *
 * One setting a line: section, key, default, "reload" or "restart", divided
 * by tabs.
 */
#include <stdio.h>

#include "config.h"

int
main(void)
{
	const struct config_key *k;
	size_t i;

	for (i = 0; (k = config_key(i)) != NULL; i++)
		printf("%s\t%s\t%s\t%s\n", k->section, k->key,
		    k->default_text, k->reload ? "reload" : "restart");
	return 0;
}
