// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "daemon/state.h"

#include <stdio.h>

#include "daemon/service.h"

const char *state_why(const struct state *state)
{
	if (state->waiting)
		return state->waiting;
	if (state->trouble.hung)
		return "a worker hangs; the kernel carries the traffic";
	if (state->front)
		return state->front;
	if (state->trouble.away)
		return "a worker cannot carry packets now; the kernel does";
	if (*state->missing)
		return state->missing;
	if (state->trouble.deaf)
		return "frames that are steered to a queue's socket do not arrive there; the kernel carries them, and "
		       "attempts follow";
	if (state->members)
		return state->members;
	if (state->link)
		return state->link;
	if (state->tags)
		return state->tags;
	if (*state->lossy)
		return state->lossy;
	return state->mtu_too_large ? "the MTU is too large for a frame" : "";
}

const char *state_name(const struct state *state)
{
	if (state->waiting)
		return "waiting";
	return *state_why(state) ? "degraded" : "ok";
}

void state_tell(const struct state *state)
{
	const char *why = state_why(state);
	char text[sizeof state->missing + 16];

	if (state->waiting || !*why) {
		service_status(*why ? why : state->ready);
		return;
	}
	snprintf(text, sizeof text, "degraded: %s", why);
	service_status(text);
}
