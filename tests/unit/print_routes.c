/*
 * print_routes.c - the admin API's routes, "METHOD path" a line
 */
#include <stdio.h>

#include "admin.h"

int
main(void)
{
	const char *method, *path;
	size_t i;

	for (i = 0; admin_route(i, &method, &path); i++)
		printf("%s %s\n", method, path);
	return 0;
}
