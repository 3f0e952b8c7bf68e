using System.Runtime.InteropServices;
using System.Text;

namespace OvirtSpm.Node.Linux;

/// <summary><c>/dev/watchdog</c>.</summary>
/// <remarks>Source: the kernel's Documentation/watchdog/watchdog-api.rst; numbers checked by LibcAbiTests.</remarks>
public sealed unsafe class WatchdogFile(string path) : IWatchdogFile
{
    int descriptor = -1;

    public string Path => path;

    public void Open()
    {
        descriptor = Libc.open(path, Libc.O_RDWR | Libc.O_CLOEXEC, 0);
        if (descriptor < 0)
        {
            throw Failed("opening", Marshal.GetLastPInvokeError());
        }
    }

    public (uint Options, string Identity) Support()
    {
        WatchdogInfo info = default;
        Call(Libc.WDIOC_GETSUPPORT, "WDIOC_GETSUPPORT", &info);
        var identity = new ReadOnlySpan<byte>(info.Identity, 32);
        var end = identity.IndexOf((byte)0);
        return (info.Options, Encoding.UTF8.GetString(end < 0 ? identity : identity[..end]));
    }

    public TimeSpan SetTimeout(TimeSpan timeout)
    {
        var seconds = (int)timeout.TotalSeconds;
        Call(Libc.WDIOC_SETTIMEOUT, "WDIOC_SETTIMEOUT", &seconds);
        // What it says it took and what it says it has should agree; drivers that do not round there round here.
        var has = seconds;
        Call(Libc.WDIOC_GETTIMEOUT, "WDIOC_GETTIMEOUT", &has);
        return TimeSpan.FromSeconds(Math.Max(seconds, has));
    }

    public void SetPretimeout(TimeSpan before)
    {
        var seconds = (int)before.TotalSeconds;
        Call(Libc.WDIOC_SETPRETIMEOUT, "WDIOC_SETPRETIMEOUT", &seconds);
    }

    public void KeepAlive()
    {
        var ignored = 0;
        Call(Libc.WDIOC_KEEPALIVE, "WDIOC_KEEPALIVE", &ignored);
    }

    public void MagicClose()
    {
        var magic = (byte)'V';
        var written = Libc.write(descriptor, &magic, 1);
        var error = Marshal.GetLastPInvokeError();
        _ = Libc.close(descriptor);
        descriptor = -1;
        if (written != 1)
        {
            throw Failed("writing the magic byte to", error);
        }
    }

    void Call(nuint request, string name, void* argument)
    {
        if (Libc.ioctl(descriptor, request, argument) < 0)
        {
            throw Failed($"{name} on", Marshal.GetLastPInvokeError());
        }
    }

    IOException Failed(string what, int error) => new($"{what} {path} failed: {Marshal.GetPInvokeErrorMessage(error)} (errno {error})");
}
