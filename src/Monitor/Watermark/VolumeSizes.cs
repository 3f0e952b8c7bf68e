namespace OvirtSpm.Monitor.Watermark;

/// <summary>What this host knows about a volume without asking QEMU. All in bytes.</summary>
/// <param name="AllocatedBytes">Usable on this host now: the size of the loaded table, not of what the SPM has promised.</param>
/// <param name="MaximumBytes">Beyond this the volume never grows.</param>
/// <param name="HighestWrittenBytes">End of the image when it was last looked at, 0 when nobody looked.</param>
public readonly record struct VolumeSizes(long AllocatedBytes, long MaximumBytes, long HighestWrittenBytes = 0);
