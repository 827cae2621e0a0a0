// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "nic/restore.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEADLINE "superpacket-restore 1\n"

/* Room for the path of a note, and for the temporary one that it is written to. */
#define PATH_LEN 256

static int print_note(FILE *file, const struct restore_note *note)
{
	const uint8_t *m = note->mac;

	fprintf(file, HEADLINE "interface %s\nifindex %u\nmac %02x:%02x:%02x:%02x:%02x:%02x\n", note->interface,
		note->ifindex, m[0], m[1], m[2], m[3], m[4], m[5]);
	for (int f = 0; f < FEATURE_CNT; f++)
		if (note->on >> f & 1)
			fprintf(file, "on %s\n", features_name((enum feature)f));
	return fflush(file) || ferror(file) ? -EIO : 0;
}

int restore_write(const char *path, const struct restore_note *note)
{
	char temporary[PATH_LEN];
	FILE *file;
	int err;

	if (!note->on)
		return unlink(path) && errno != ENOENT ? -errno : 0;
	if (snprintf(temporary, sizeof(temporary), "%s.new", path) >= (int)sizeof(temporary))
		return -ENAMETOOLONG;
	file = fopen(temporary, "we");
	if (!file)
		return -errno;
	err = print_note(file, note);
	if (fclose(file) && !err)
		err = -errno;
	if (!err && rename(temporary, path))
		err = -errno;
	if (err)
		unlink(temporary);
	return err;
}

static void read_line(struct restore_note *note, const char *line)
{
	unsigned int m[6], ifindex;
	char word[32];

	if (sscanf(line, "interface %15s", note->interface) == 1)
		return;
	if (sscanf(line, "ifindex %u", &ifindex) == 1)
		note->ifindex = ifindex;
	else if (sscanf(line, "mac %x:%x:%x:%x:%x:%x", m, m + 1, m + 2, m + 3, m + 4, m + 5) == 6)
		for (int i = 0; i < 6; i++)
			note->mac[i] = (uint8_t)m[i];
	else if (sscanf(line, "on %31s", word) == 1 && features_find(word) < FEATURE_CNT)
		note->on |= 1u << features_find(word);
}

int restore_read(const char *path, struct restore_note *note)
{
	FILE *file = fopen(path, "re");
	char line[128];
	bool known;

	*note = (struct restore_note){ 0 };
	if (!file)
		return -errno;
	known = fgets(line, sizeof(line), file) && !strcmp(line, HEADLINE);
	while (known && fgets(line, sizeof(line), file))
		read_line(note, line);
	fclose(file);
	return known && note->ifindex ? 0 : -EBADMSG;
}

static bool has_mac(const char *name, const uint8_t mac[6])
{
	const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr = { 0 };
	bool same;

	if (fd < 0)
		return false;
	memcpy(ifr.ifr_name, name, sizeof(ifr.ifr_name));
	same = ioctl(fd, SIOCGIFHWADDR, &ifr) == 0 && !memcmp(ifr.ifr_hwaddr.sa_data, mac, 6);
	close(fd);
	return same;
}

bool restore_find(const struct restore_note *note, char name[IFNAMSIZ])
{
	memset(name, 0, IFNAMSIZ);
	return if_indextoname(note->ifindex, name) && (!strcmp(name, note->interface) || has_mac(name, note->mac));
}

int restore_apply(const struct restore_note *note, uint32_t *restored)
{
	struct features now;
	char name[IFNAMSIZ];
	uint32_t off;
	int err;

	if (!restore_find(note, name))
		return -ENODEV;
	err = features_read(name, &now);
	if (err)
		return err;
	off = note->on & ~now.on;
	if (!off)
		return 0;
	err = features_set(name, off, off);
	if (!err)
		*restored |= off;
	return err;
}
