// SPDX-License-Identifier: GPL-2.0
/*
 * A machine without a virtual GPU: the module loads, the node is there, and open
 * says EBADF. Not run with the others, because it needs such a machine.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>

#include "dxg_utils.h"
#include "dxg_harness.h"

static void __attribute__((constructor)) require_no_host(void)
{
	const char *reason = NULL;

	if (access(DXG_PATH, F_OK))
		reason = "there is no " DXG_PATH;
	else if (dxg_pci_functions(DXG_PCI_RENDER) || dxg_pci_functions(DXG_PCI_COMPUTE))
		reason = "this machine has a virtual GPU";
	if (reason) {
		ksft_print_header();
		ksft_exit_skip("%s\n", reason);
	}
}

TEST(node)
{
	struct stat node;

	ASSERT_EQ(0, stat(DXG_PATH, &node));
	EXPECT_TRUE(S_ISCHR(node.st_mode));
	EXPECT_EQ(0666, node.st_mode & 07777);
}

TEST(open_flags)
{
	const int flags[] = { O_RDONLY, O_WRONLY, O_RDWR, O_RDONLY | O_NONBLOCK | O_CLOEXEC };

	for (int i = 0; i < ARRAY_SIZE(flags); i++) {
		EXPECT_EQ(-1, open(DXG_PATH, flags[i]));
		EXPECT_EQ(EBADF, errno);
	}
}

/* Many times: a failed open leaves nothing behind that could run out. */
TEST(open_often)
{
	for (int i = 0; i < 300; i++) {
		int fd = dxg_open();

		ASSERT_EQ(-EBADF, fd);
	}
}

static void *open_in_loop(void *data)
{
	for (int i = 0; i < 50; i++) {
		if (dxg_open() != -EBADF)
			return data;
	}
	return NULL;
}

TEST(open_in_threads)
{
	pthread_t threads[4];

	for (int i = 0; i < ARRAY_SIZE(threads); i++)
		ASSERT_OK(pthread_create(&threads[i], NULL, open_in_loop, threads));
	for (int i = 0; i < ARRAY_SIZE(threads); i++) {
		void *result;

		ASSERT_EQ(0, pthread_join(threads[i], &result));
		EXPECT_EQ(NULL, result);
	}
}

TEST_HARNESS_MAIN
