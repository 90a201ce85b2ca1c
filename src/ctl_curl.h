/*
 * ctl_curl.h - options of libcurl, which it takes or the program ends
 */
#ifndef HR_CTL_CURL_H
#define HR_CTL_CURL_H

#include <curl/curl.h>

#include "log.h"

/* An option that libcurl does not know is a library that is not ours. */
#define SET(curl, option, value) do {					\
	CURLcode set_ = curl_easy_setopt(curl, option, value);		\
									\
	if (set_ != CURLE_OK)						\
		bug("ctl: " #option ": %s", curl_easy_strerror(set_));	\
} while (0)

#endif
