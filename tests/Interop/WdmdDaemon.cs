using System.Diagnostics;

namespace OvirtSpm.Interop;

/// <summary>The real wdmd on a watchdog that resets nothing, with a /run of its own.</summary>
/// <remarks>
/// A preloaded library answers for one file as the kernel would for a watchdog device, and writes down what is asked of it. Its own mount
/// namespace keeps the daemon's socket and shared memory away from a wdmd that this machine may really have.
/// </remarks>
internal sealed class WdmdDaemon : IAsyncDisposable
{
    private const string Shim = """
        #define _GNU_SOURCE
        #include <dlfcn.h>
        #include <fcntl.h>
        #include <stdarg.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <string.h>
        #include <unistd.h>
        #include <linux/watchdog.h>
        static int device = -1;
        static int real_open(const char *path, int flags, int mode) { return ((int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open"))(path, flags, mode); }
        static void say(const char *what) { int f = real_open(getenv("FAKE_LOG"), O_WRONLY | O_CREAT | O_APPEND, 0600); dprintf(f, "%s\n", what); close(f); }
        int open(const char *path, int flags, ...) {
            va_list more; va_start(more, flags); int mode = va_arg(more, int); va_end(more);
            if (strcmp(path, getenv("FAKE_DEVICE"))) return real_open(path, flags, mode);
            say("open");
            return device = real_open("/dev/null", O_RDWR, 0);
        }
        int ioctl(int fd, unsigned long request, ...) {
            va_list more; va_start(more, request); void *value = va_arg(more, void *); va_end(more);
            if (fd != device || device < 0) return ((int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT, "ioctl"))(fd, request, value);
            if (request == WDIOC_KEEPALIVE) say("keepalive");
            if (request == WDIOC_GETTIMEOUT) *(int *)value = 60;
            return 0;
        }
        int close(int fd) {
            if (fd == device && device >= 0) { device = -1; say("close"); }
            return ((int (*)(int))dlsym(RTLD_NEXT, "close"))(fd);
        }
        """;

    private readonly string folder = Directory.CreateTempSubdirectory("spm-wdmd-").FullName;
    private readonly Process daemon;
    private readonly Task<string> errors;

    private WdmdDaemon()
    {
        File.WriteAllText(At("shim.c"), Shim);
        Run("cc", "-shared", "-fPIC", "-o", At("shim.so"), At("shim.c"), "-ldl");
        File.WriteAllText(At("watchdog"), "");
        File.WriteAllText(At("calls"), "");
        var start = new ProcessStartInfo("unshare") { RedirectStandardError = true };
        string[] arguments =
        [
            "--mount", "--propagation", "private", "sh", "-c",
            "mount -t tmpfs none /run && mount -t tmpfs none /dev/shm && LD_PRELOAD=$1/shim.so exec \"$2\" -D -w $1/watchdog 2>$1/log", "sh", folder, Program!,
        ];
        Array.ForEach(arguments, start.ArgumentList.Add);
        SanlockTool.SetLibraries(start);
        (start.Environment["FAKE_DEVICE"], start.Environment["FAKE_LOG"]) = (At("watchdog"), At("calls"));
        // unshare and the shell become the daemon one after the other: the pid stays.
        daemon = Process.Start(start)!;
        errors = daemon.StandardError.ReadToEndAsync();
    }

    public string SocketPath => $"/proc/{daemon.Id}/root/run/wdmd/wdmd.sock";

    /// <summary>What was asked of the device, one call a line.</summary>
    public string[] DeviceCalls => File.ReadAllLines(At("calls"));

    public string Log => File.Exists(At("log")) ? File.ReadAllText(At("log")) : "";

    private static string? Program
    {
        get
        {
            var beside = SanlockTool.Program is { } sanlock ? Path.Combine(Path.GetDirectoryName(Path.GetFullPath(sanlock))!, "wdmd") : "";
            return File.Exists(beside) ? beside : null;
        }
    }

    public static async Task<WdmdDaemon> StartAsync()
    {
        Demo.DemoTools.NeedRoot();
        Demo.DemoTools.Need("unshare", "cc");
        Assert.SkipWhen(Program is null, "wdmd is missing: it comes with the package sanlock, beside the program that SPM_SANLOCK names");
        var started = new WdmdDaemon();
        try
        {
            await started.UntilAsync("it listens", () => File.Exists(started.SocketPath) && started.DeviceCalls.Contains("keepalive"));
            return started;
        }
        catch
        {
            await started.DisposeAsync();
            throw;
        }
    }

    /// <param name="what">For whoever reads the failure.</param>
    public async Task UntilAsync(string what, Func<bool> holds)
    {
        var clock = Stopwatch.StartNew();
        while (!holds())
        {
            Assert.False(daemon.HasExited, $"wdmd ended before {what}: {(daemon.HasExited ? errors.Result + Log : "")}");
            Assert.True(clock.Elapsed < TimeSpan.FromSeconds(60), $"not within 60 s: {what}\n{Log}");
            await Task.Delay(50, TestContext.Current.CancellationToken);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (!daemon.HasExited)
        {
            daemon.Kill();
        }
        await daemon.WaitForExitAsync();
        daemon.Dispose();
        Directory.Delete(folder, recursive: true);
    }

    private string At(string name) => Path.Combine(folder, name);

    private static void Run(string program, params string[] arguments)
    {
        using var process = Process.Start(program, arguments);
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
    }
}
