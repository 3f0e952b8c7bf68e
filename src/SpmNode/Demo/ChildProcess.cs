using System.Diagnostics;

namespace OvirtSpm.Node.Demo;

/// <summary>One process that the demo started; it never outlives the demo.</summary>
sealed class ChildProcess(string name, Process process, ProcessIdentity identity, Task logging) : IDisposable
{
    bool disposed;

    public string Name => name;

    public int Pid => identity.Pid;

    /// <summary>May be asked at any time, also when the run is over and everything is given back.</summary>
    public bool HasExited => Volatile.Read(ref disposed) || process.HasExited;

    /// <summary>Meaningful once <see cref="HasExited"/>; 128 + n when signal n ended it.</summary>
    public int ExitCode => process.ExitCode;

    public Task WaitForExitAsync(CancellationToken stop) => process.WaitForExitAsync(stop);

    /// <summary>Asks it to end in good order.</summary>
    public void Terminate() => identity.Signal(Native.SIGTERM);

    /// <summary>Ends it now, as a power cut would.</summary>
    public void Kill() => identity.Signal(Native.SIGKILL);

    /// <returns>False when it did not end in time and was killed.</returns>
    public async Task<bool> EndAsync(TimeSpan patience)
    {
        Terminate();
        using var timeout = new CancellationTokenSource(patience);
        try
        {
            await process.WaitForExitAsync(timeout.Token);
            await logging;
            return true;
        }
        catch (OperationCanceledException)
        {
            Kill();
            return false;
        }
    }

    public void Dispose()
    {
        Kill();
        process.WaitForExit(TimeSpan.FromSeconds(5));
        // Seen before the process object goes: who looks at the same moment must not meet one that is gone.
        Volatile.Write(ref disposed, true);
        process.Dispose();
    }
}
