namespace OvirtSpm.Monitor.Guests;

/// <summary>Whether a guest that QEMU stopped may go on.</summary>
public abstract record ResumeVerdict
{
    private ResumeVerdict() { }

    public sealed record Continue : ResumeVerdict;

    /// <summary>Nothing to resume: it runs.</summary>
    public sealed record Runs : ResumeVerdict;

    /// <param name="Reason">For people.</param>
    public sealed record Leave(string Reason) : ResumeVerdict;
}

/// <summary>Only pauses for space are ended, and only when every disk that caused one has space (R31).</summary>
public static class ResumeRule
{
    /// <param name="hasSpace">Device's node → whether that volume has space now; null when it is none of ours.</param>
    public static ResumeVerdict Judge(string runStatus, IReadOnlyList<DeviceStatus> devices, Func<string, bool?> hasSpace)
    {
        // "running" can be the truth of a moment ago: QEMU sends BLOCK_IO_ERROR before it stops the processors.
        if (runStatus is not ("io-error" or "running"))
            return Leave($"space arrived, but the guest is '{runStatus}' by somebody else's will; it goes on when that ends");
        foreach (var device in devices)
        {
            if (device.IoStatus == "failed")
                return Leave($"device {device.Name} stopped with an I/O error, not for space; repair its storage, then continue the guest");
            if (device.IoStatus != "nospace")
                continue;
            switch (hasSpace(device.NodeName))
            {
                case null:
                    return Leave($"device {device.Name} is out of space and not served by this pool; make room for it, then continue "
                        + "the guest");
                case false:
                    return Leave($"device {device.Name} still waits for space");
            }
        }
        return runStatus == "running" && devices.All(device => device.IoStatus != "nospace")
            ? new ResumeVerdict.Runs() : new ResumeVerdict.Continue();
    }

    private static ResumeVerdict.Leave Leave(string reason) => new(reason);
}
