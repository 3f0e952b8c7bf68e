using Microsoft.Win32.SafeHandles;
using OvirtSpm.Node.Roles;

namespace OvirtSpm.Node.Linux;

/// <summary>systemd-logind's sleep inhibitor: a delay lock, which is a file descriptor, and the signal that the machine is about to sleep.</summary>
/// <remarks>Source: org.freedesktop.login1(5).</remarks>
/// <param name="who">As <c>systemd-inhibit --list</c> shows it.</param>
sealed class LogindSleep(string address, string who) : ISleepInhibitor
{
    public const string DefaultSocket = "/run/dbus/system_bus_socket";

    const string Name = "org.freedesktop.login1", Manager = "org.freedesktop.login1.Manager", Path = "/org/freedesktop/login1", Prepare = "PrepareForSleep";

    static readonly TimeSpan AnswerLimit = TimeSpan.FromSeconds(10);

    public static string Address => Environment.GetEnvironmentVariable("DBUS_SYSTEM_BUS_ADDRESS") is { Length: > 0 } given ? given : $"unix:path={DefaultSocket}";

    public async Task<ISleepManager> ConnectAsync(CancellationToken stop)
    {
        var connection = await LimitedAsync(limit => DBusConnection.OpenAsync(address, limit), stop);
        try
        {
            // Before the lock: a sleep that begins between the two is then heard of.
            await LimitedAsync(limit => connection.CallAsync(
                DBusConnection.ToBus("AddMatch", $"type='signal',sender='{Name}',path='{Path}',interface='{Manager}',member='{Prepare}'"), limit), stop);
            return new Held(connection, who);
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    static async Task<T> LimitedAsync<T>(Func<CancellationToken, Task<T>> ask, CancellationToken stop)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(stop);
        limit.CancelAfter(AnswerLimit);
        try
        {
            return await ask(limit.Token);
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            throw new IOException($"no answer within {AnswerLimit.TotalSeconds:0} s");
        }
    }

    sealed class Held(DBusConnection connection, string who) : ISleepManager
    {
        SafeFileHandle? held;

        public async Task InhibitAsync(CancellationToken stop)
        {
            var inhibit = new DBusMessage(DBusMessage.Call, 0)
            {
                Destination = Name, Path = Path, Interface = Manager, Member = "Inhibit",
                Signature = "ssss", Body = DBusMessage.Strings("sleep", who, "hands its role as storage pool manager over", "delay"),
            };
            await LimitedAsync(limit => connection.CallAsync(inhibit, limit), stop);
            held?.Dispose();
            held = connection.TakeDescriptor();
        }

        public void LetGo()
        {
            held?.Dispose();
            held = null;
        }

        public async Task<bool> NextAsync(CancellationToken stop)
        {
            while (true)
            {
                // Addressed to us alone, a signal comes past the match, from anybody; logind tells everybody.
                if (await connection.NextSignalAsync(stop) is { Member: Prepare, Interface: Manager, Destination: null, Signature: "b", Body: [var sleeps, ..] })
                {
                    return sleeps != 0;
                }
            }
        }

        public void Dispose()
        {
            LetGo();
            connection.Dispose();
        }
    }
}
