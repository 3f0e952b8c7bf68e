using System.Diagnostics;
using OvirtSpm.Node.Linux;

namespace OvirtSpm.Node.Tests.Linux;

/// <summary>R7: the lock that proves that an earlier life of this node writes no more.</summary>
public class RangeLockTests
{
    const string Holder = """
        #define _GNU_SOURCE
        #include <fcntl.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <unistd.h>
        int main(int n, char **a) {
            struct flock wanted = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = atoll(a[2]), .l_len = atoll(a[3]) };
            int fd = open(a[1], O_RDWR);
            if (fd < 0 || fcntl(fd, F_OFD_SETLK, &wanted)) { perror(a[1]); return 1; }
            puts("locked");
            fflush(stdout);
            pause();
            return 0;
        }
        """;

    [Fact]
    public void A_second_open_in_the_same_process_does_not_get_the_lock()
    {
        using var file = new ScratchFile(1 << 20);
        using var second = DirectBlockDevice.Open(file.Path);
        using (var first = DirectBlockDevice.Open(file.Path))
        {
            Assert.True(first.TryLockRange(512, 512));
            Assert.True(first.TryLockRange(512, 512));
            Assert.False(second.TryLockRange(512, 512));
            Assert.False(second.TryLockRange(0, 4096));
            Assert.True(second.TryLockRange(1024, 512));
            Assert.False(first.TryLockRange(1024, 512));
        }

        Assert.True(GetsLock(second, 512));
    }

    [Fact]
    public void A_lock_given_back_early_is_free()
    {
        using var file = new ScratchFile(1 << 20);
        using var first = DirectBlockDevice.Open(file.Path);
        using var second = DirectBlockDevice.Open(file.Path);
        Assert.True(first.TryLockRange(0, 512));
        first.UnlockRange(0, 512);
        Assert.True(second.TryLockRange(0, 512));
    }

    [Fact]
    public void Closing_another_open_of_the_file_does_not_lose_the_lock()
    {
        using var file = new ScratchFile(1 << 20);
        using var first = DirectBlockDevice.Open(file.Path);
        Assert.True(first.TryLockRange(0, 512));
        DirectBlockDevice.Open(file.Path).Dispose();
        using var third = DirectBlockDevice.Open(file.Path);
        Assert.False(third.TryLockRange(0, 512));
    }

    [Fact]
    public void A_child_process_does_not_inherit_the_lock()
    {
        using var file = new ScratchFile(1 << 20);
        var first = DirectBlockDevice.Open(file.Path);
        Assert.True(first.TryLockRange(0, 512));
        using var child = Tool.Start("sleep", "60");
        try
        {
            first.Dispose();
            using var second = DirectBlockDevice.Open(file.Path);
            Assert.True(GetsLock(second, 0));
        }
        finally
        {
            child.Kill();
            child.WaitForExit();
        }
    }

    [Fact]
    public void A_stopped_process_keeps_its_lock_and_a_killed_one_loses_it()
    {
        using var file = new ScratchFile(1 << 20);
        HeldByAnotherProcess(file, file.Path);
    }

    [Fact]
    public void A_stopped_process_keeps_its_lock_on_a_block_device()
    {
        using var file = new ScratchFile(1 << 20);
        using var loop = new LoopDevice(file, 512);
        HeldByAnotherProcess(file, loop.Path);
    }

    static void HeldByAnotherProcess(ScratchFile scratch, string path)
    {
        var program = Tool.Compile(scratch, "holder", Holder);
        using var holder = Tool.Start(program, path, "1024", "512");
        try
        {
            Assert.Equal("locked", holder.StandardOutput.ReadLine());
            using var device = DirectBlockDevice.Open(path);
            Assert.False(device.TryLockRange(1024, 512));
            Tool.Run("kill", "-STOP", $"{holder.Id}");
            Assert.False(device.TryLockRange(1024, 512));
            Assert.True(device.TryLockRange(0, 512));
            holder.Kill();
            holder.WaitForExit();
            Assert.True(device.TryLockRange(1024, 512));
        }
        finally
        {
            End(holder);
        }
    }

    static void End(Process process)
    {
        if (!process.HasExited)
        {
            process.Kill();
            process.WaitForExit();
        }
    }

    /// <summary>Another test may be starting a process right now: its child has our files open until it runs its own program.</summary>
    static bool GetsLock(DirectBlockDevice device, long offset) => SpinWait.SpinUntil(() => device.TryLockRange(offset, 512), TimeSpan.FromSeconds(30));
}
