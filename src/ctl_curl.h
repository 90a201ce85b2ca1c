/*
 * ctl_curl.h - options of libcurl, which it takes or the program ends, and
 * what it does not say
 */
#ifndef HR_CTL_CURL_H
#define HR_CTL_CURL_H

#include <stdio.h>
#include <string.h>

#include <curl/curl.h>

#include "log.h"

/* An option that libcurl does not know is a library that is not ours. */
#define SET(curl, option, value) do {					\
	CURLcode set_ = curl_easy_setopt(curl, option, value);		\
									\
	if (set_ != CURLE_OK)						\
		bug("ctl: " #option ": %s", curl_easy_strerror(set_));	\
} while (0)

/* Of a socket file that cannot be connected to libcurl says that port 80 of
 * localhost cannot; this says what the system did, such as that the caller may
 * not. */
static inline void
ctl_curl_tell(CURL *curl, CURLcode code, const char *socket,
    char error[CURL_ERROR_SIZE])
{
	long number = 0;

	if (socket == NULL || code != CURLE_COULDNT_CONNECT)
		return;
	curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &number);
	if (number != 0)
		snprintf(error, CURL_ERROR_SIZE, "%s: %s", socket,
		    strerror((int)number));
}

#endif
