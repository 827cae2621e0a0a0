// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "daemon/state.h"

#include <stdio.h>

#include "daemon/service.h"

/* Of what the workers do not carry. In port mode a heartbeat that is not shown takes all queues' frames away from the
 * TAP, and what is sent is lost only where the worker should send it. */
static const char *why_not_carried(const struct state *state)
{
	const bool port = state->port;

	if (state->trouble.hung)
		return port ? "a worker hangs; what arrives is lost until it responds, and so is what it should send" :
			      "a worker hangs; the kernel carries the traffic";
	if (state->front)
		return state->front;
	if (state->trouble.away)
		return port ? "a worker cannot carry packets now (is the TAP up?); what arrives is lost until it can" :
			      "a worker cannot carry packets now; the kernel does";
	if (*state->missing)
		return state->missing;
	if (state->trouble.deaf)
		return port ? "frames that are steered to a queue's socket do not arrive there and are lost; attempts "
			      "follow" :
			      "frames that are steered to a queue's socket do not arrive there; the kernel carries "
			      "them, and attempts follow";
	return NULL;
}

const char *state_why(const struct state *state)
{
	const char *why = state->waiting ? state->waiting : why_not_carried(state);

	if (why)
		return why;
	if (state->members)
		return state->members;
	if (state->link)
		return state->link;
	if (state->tags)
		return state->tags;
	if (*state->lossy)
		return state->lossy;
	if (!state->mtu_too_large)
		return "";
	return state->port ? "the MTU is too large for a frame; longer frames are lost" :
			     "the MTU is too large for a frame; the kernel carries all traffic";
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
