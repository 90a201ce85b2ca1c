/*
 * notify.h - tells a service manager how the program is doing (sd_notify(3))
 */
#ifndef HR_NOTIFY_H
#define HR_NOTIFY_H

#include <stdint.h>

/*
 * Sends lines like "READY=1" to $NOTIFY_SOCKET; does nothing without one.
 * A manager that does not take them is no reason to stop.
 */
void	notify(const char *state);

/* How often "WATCHDOG=1" is due, ms: half of $WATCHDOG_USEC; 0: not at all
 * (also when $WATCHDOG_PID is another process). */
int64_t	notify_watchdog_ms(void);

#endif
