using System.Globalization;
using System.Text;

namespace OvirtSpm.Node.Demo;

/// <summary>One process of this boot: a pid alone may belong to somebody else by now.</summary>
/// <param name="StartTicks">Field 22 of /proc/PID/stat: clock ticks from boot to the process' start.</param>
readonly record struct ProcessIdentity(int Pid, ulong StartTicks)
{
    public static ProcessIdentity Own => Of(Environment.ProcessId) ?? throw new InvalidOperationException("/proc does not show this process");

    /// <returns>Null when there is no such process, or only the zombie of one.</returns>
    public static ProcessIdentity? Of(int pid)
    {
        try
        {
            var stat = File.ReadAllText($"/proc/{pid}/stat");
            // The command in parentheses may hold blanks and parentheses itself; nothing after the last one does.
            var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            return fields[0] is "Z" or "X" ? null : new(pid, ulong.Parse(fields[19], CultureInfo.InvariantCulture));
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    public static ProcessIdentity? TryParse(string text)
    {
        var fields = text.Split(' ', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        return fields.Length >= 2
            && int.TryParse(fields[0], CultureInfo.InvariantCulture, out var pid) && pid > 0
            && ulong.TryParse(fields[1], CultureInfo.InvariantCulture, out var start)
            ? new(pid, start) : null;
    }

    public bool IsAlive => Of(Pid) == this;

    /// <summary>Sends a signal to this very process and to no other, whatever happens to its pid meanwhile.</summary>
    /// <param name="proof">Looked at once the process can no longer be mistaken; null: the identity is proof enough.</param>
    /// <returns>False when it is gone, or <paramref name="proof"/> fails.</returns>
    public bool Signal(int signal, Func<int, bool>? proof = null)
    {
        var descriptor = (int)Native.syscall(Native.PidfdOpen, Pid, 0, 0, 0);
        if (descriptor < 0)
        {
            return false;
        }
        try
        {
            // Looked at after the descriptor is held: from here on the pid cannot come to mean another process unnoticed.
            return IsAlive && proof?.Invoke(Pid) != false && Native.syscall(Native.PidfdSendSignal, descriptor, signal, 0, 0) == 0;
        }
        finally
        {
            _ = Native.close(descriptor);
        }
    }

    /// <summary>Whether a process was started with this environment variable at this value.</summary>
    public static bool WasStartedWith(int pid, string name, string value)
    {
        try
        {
            var wanted = Encoding.UTF8.GetBytes($"{name}={value}");
            var environment = File.ReadAllBytes($"/proc/{pid}/environ").AsSpan();
            foreach (var range in environment.Split((byte)0))
            {
                if (environment[range].SequenceEqual(wanted))
                {
                    return true;
                }
            }
            return false;
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Pid} {StartTicks}");
}
