using System.Net.Sockets;
using OvirtSpm.Leases;

namespace OvirtSpm.Node.Linux;

/// <summary>The machine's watchdog through the daemon wdmd, which shares it with sanlock and others.</summary>
/// <remarks>
/// wdmd feeds the device as long as no client's expiry time has passed, and the device fires its fire timeout (60 s) after it was fed last.
/// A client that goes away while it holds on keeps its expiry time: unlike a device of our own, what a killed node left armed cannot be
/// taken back, and the machine is reset. sanlock behaves the same.
/// </remarks>
/// <param name="name">As wdmd's own log shows it.</param>
public sealed class WdmdWatchdog(string socketPath, string name, TimeProvider bootClock, Action<string> log) : IWatchdog, IDisposable
{
    public const string DefaultSocket = "/run/wdmd/wdmd.sock";

    static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    readonly Lock gate = new();
    Socket? held;

    public bool IsUnsafe => false;

    public string Name => "wdmd";

    public bool IsArmed
    {
        get
        {
            lock (gate)
            {
                return held is not null;
            }
        }
    }

    public string? Prepare(LeaseTiming timing)
    {
        try
        {
            using var daemon = Connect();
            var answer = AskStatus(daemon);
            var (fires, tests) = (WdmdMessage.FireTimeout(answer), WdmdMessage.TestInterval(answer));
            // It stops feeding when the expiry is nearer than its next test: one renewal that fails must not bring it there.
            if (timing.Expiry - 2 * (timing.RenewalInterval + LeaseTiming.RenewalPause) <= tests)
            {
                return $"wdmd looks every {tests.TotalSeconds:0} s and stops feeding when less than that is left; of 8 T = {timing.Expiry.TotalSeconds:0} s too little is left after one failed "
                    + $"renewal. Use a watchdog device, or a pool with a larger --io-timeout.\n{timing.Explain()}";
            }
            return fires <= timing.WatchdogTimeout && fires > TimeSpan.Zero ? null
                : $"wdmd resets this host {fires.TotalSeconds:0} s after its deadline, which is up to {(timing.Expiry + fires).TotalSeconds:0} s after its last renewal; others take over after "
                    + $"{timing.HostDead.TotalSeconds:0} s. Use a watchdog device, or a pool with --watchdog-timeout {fires.TotalSeconds:0}.\n{timing.Explain()}";
        }
        catch (SocketException failed)
        {
            return $"wdmd does not answer at {socketPath}: {failed.Message}. Start wdmd, or choose another --watchdog";
        }
    }

    public string? Feed(TimeSpan expiresAt)
    {
        lock (gate)
        {
            try
            {
                if (held is null)
                {
                    held = Connect();
                    held.Send(WdmdMessage.Of(WdmdMessage.Register, name: name));
                    held.Send(WdmdMessage.Of(WdmdMessage.Hold));
                }
                // R26: wdmd counts on CLOCK_MONOTONIC. Rounded down, so that it never feeds beyond our deadline.
                var now = BootTimeProvider.Monotonic();
                var left = expiresAt - bootClock.GetElapsedTime(0);
                held.Send(WdmdMessage.Of(WdmdMessage.Live, (ulong)now.TotalSeconds, (ulong)Math.Max(1, (now + left).TotalSeconds)));
                return null;
            }
            catch (SocketException failed)
            {
                log($"wdmd was not told: {failed.Message}");
                return failed.Message;
            }
        }
    }

    public void Disarm()
    {
        lock (gate)
        {
            if (held is null)
            {
                return;
            }
            try
            {
                held.Send(WdmdMessage.Of(WdmdMessage.Live));
                held.Send(WdmdMessage.Of(WdmdMessage.LetGo));
                // Nothing but this is answered, and messages are taken in order. wdmd looks for a connection that was closed before it
                // reads what is left in it: closed without waiting, we would be a client that died while it held on.
                AskStatus(held);
            }
            catch (SocketException failed)
            {
                log($"wdmd was not told that nothing is outstanding any more, it may reset this machine: {failed.Message}");
            }
            held.Dispose();
            held = null;
        }
    }

    public void Dispose() => Disarm();

    static byte[] AskStatus(Socket daemon)
    {
        daemon.Send(WdmdMessage.Of(WdmdMessage.Status));
        var answer = new byte[WdmdMessage.Bytes];
        for (var read = 0; read < answer.Length;)
        {
            var part = daemon.Receive(answer.AsSpan(read));
            read += part > 0 ? part : throw new SocketException((int)SocketError.ConnectionReset);
        }
        return answer;
    }

    Socket Connect()
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)
        {
            SendTimeout = (int)Patience.TotalMilliseconds,
            ReceiveTimeout = (int)Patience.TotalMilliseconds,
        };
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(socketPath));
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
