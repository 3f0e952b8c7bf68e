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

/// <summary>Only pauses of QEMU's own are ended, and only when every disk that caused one has space (R31) or its storage back.</summary>
public static class ResumeRule
{
    /// <param name="hasSpace">Device's node → whether that volume has space now; null when it is none of ours.</param>
    /// <param name="storage">Device's node → whether a request that failed may be sent again; null when it is none of ours.</param>
    public static ResumeVerdict Judge(
        string runStatus, IReadOnlyList<DeviceStatus> devices, Func<string, bool?> hasSpace, Func<string, StorageVerdict?> storage)
    {
        // "running" can be the truth of a moment ago: QEMU sends BLOCK_IO_ERROR before it stops the processors.
        if (runStatus is not ("io-error" or "running"))
            return new ResumeVerdict.Leave($"its disks could go on, but the guest is '{runStatus}' by somebody else's will; it goes on when that ends");
        foreach (var device in devices)
            if ((device.IoStatus switch { "failed" => AfterError(device, storage), "nospace" => AfterFull(device, hasSpace), _ => null }) is { } reason)
                return new ResumeVerdict.Leave(reason);
        return runStatus == "running" && devices.All(device => device.IoStatus is not ("nospace" or "failed"))
            ? new ResumeVerdict.Runs() : new ResumeVerdict.Continue();
    }

    private static string? AfterError(DeviceStatus device, Func<string, StorageVerdict?> storage) => storage(device.NodeName) switch
    {
        null => $"device {device.Name} stopped with an I/O error and is not served by this pool; repair its storage, then continue the guest",
        StorageVerdict.Broken broken => $"device {device.Name} stopped with an I/O error: {broken.Reason}",
        _ => null,
    };

    private static string? AfterFull(DeviceStatus device, Func<string, bool?> hasSpace) => hasSpace(device.NodeName) switch
    {
        null => $"device {device.Name} is out of space and not served by this pool; make room for it, then continue the guest",
        false => $"device {device.Name} still waits for space",
        true => null,
    };
}
