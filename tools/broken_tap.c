// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * For tests, by LD_PRELOAD: a TAP that claims every offload and does not keep one of them, for as long as the
 * process lives. The type of superpacket (gso_type of the virtio header, without the bit for ECN) is in
 *
 *      BROKEN_TAP_LOSES    what is written of it is taken and lost
 *      BROKEN_TAP_REFUSES  what is written of it is EINVAL
 *      BROKEN_TAP_CUTS     what is read of it is the first segment, finished
 *      BROKEN_TAP_ABOVE    none of those: all that is written and longer is lost
 */
#include <dlfcn.h>
#include <errno.h>
#include <linux/virtio_net.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>

#define NONE (-1)
#define HEADER_LEN 24 /* of the virtio header; behind it, 54 bytes of headers of IPv4 and TCP */

static long number(const char *name)
{
	const char *text = getenv(name);

	return text ? strtol(text, NULL, 10) : NONE;
}

/* /dev/net/tun is 10:200. */
static int is_tap(int fd)
{
	struct stat file;

	return !fstat(fd, &file) && S_ISCHR(file.st_mode) && file.st_rdev == makedev(10, 200);
}

static long type_of(const struct iovec *iov)
{
	const struct virtio_net_hdr *hdr = iov[0].iov_base;

	return hdr->gso_type & ~VIRTIO_NET_HDR_GSO_ECN;
}

static ssize_t length_of(const struct iovec *iov, int cnt)
{
	ssize_t len = 0;

	for (int i = 0; i < cnt; i++)
		len += (ssize_t)iov[i].iov_len;
	return len;
}

ssize_t writev(int fd, const struct iovec *iov, int cnt)
{
	static ssize_t (*next)(int, const struct iovec *, int);
	ssize_t len = length_of(iov, cnt);

	if (!next)
		*(void **)&next = dlsym(RTLD_NEXT, "writev");
	if (!is_tap(fd))
		return next(fd, iov, cnt);
	if (type_of(iov) == number("BROKEN_TAP_LOSES") ||
	    (number("BROKEN_TAP_ABOVE") != NONE && len > number("BROKEN_TAP_ABOVE")))
		return len;
	if (type_of(iov) != number("BROKEN_TAP_REFUSES"))
		return next(fd, iov, cnt);
	errno = EINVAL;
	return -1;
}

ssize_t readv(int fd, const struct iovec *iov, int cnt)
{
	static ssize_t (*next)(int, const struct iovec *, int);
	struct virtio_net_hdr *hdr = iov[0].iov_base;
	ssize_t len;

	if (!next)
		*(void **)&next = dlsym(RTLD_NEXT, "readv");
	len = next(fd, iov, cnt);
	if (len < HEADER_LEN || !is_tap(fd) || type_of(iov) != number("BROKEN_TAP_CUTS"))
		return len;
	len = HEADER_LEN + 54 + hdr->gso_size;
	*hdr = (struct virtio_net_hdr){ 0 };
	return len;
}
