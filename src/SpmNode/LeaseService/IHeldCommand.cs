namespace OvirtSpm.Node.LeaseService;

/// <summary>A command that runs under a lease, in a process group of its own.</summary>
interface IHeldCommand
{
    /// <summary>Its exit code; 128 + n when signal n ended it.</summary>
    Task<int> Exited { get; }

    /// <summary>SIGTERM to all of its group.</summary>
    void Terminate();

    /// <summary>SIGKILL to all of its group and to whatever else it started that can be found.</summary>
    void Kill();

    /// <summary>From now on the kernel ends this program, and the command with it, after this time, unless it is put off again: also
    /// when this program is stopped (SIGSTOP) and can do nothing.</summary>
    void EndUnlessPutOff(TimeSpan after);
}
