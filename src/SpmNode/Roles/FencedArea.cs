using OvirtSpm.Leases;

namespace OvirtSpm.Node.Roles;

/// <summary>A special volume as the SPM writes it: the fence is asked directly before every write.</summary>
/// <remarks>
/// A record of several sectors is several writes, with reads between them. A host that is stopped in the middle would otherwise go on
/// after its deadline and put an old text over the one of its successor.
/// </remarks>
sealed class FencedArea(ILeaseArea inner, PoolFence fence) : ILeaseArea
{
    public int SectorSize => inner.SectorSize;

    public long SizeBytes => inner.SizeBytes;

    public ValueTask ReadAsync(long offsetBytes, Memory<byte> buffer) => inner.ReadAsync(offsetBytes, buffer);

    /// <exception cref="Refusal">The term is over; nothing was written.</exception>
    public async ValueTask WriteAsync(long offsetBytes, ReadOnlyMemory<byte> data)
    {
        if (fence.Issue(() => inner.WriteAsync(offsetBytes, data)) is not { } writing)
        {
            throw Refusal.Unknown($"this host stopped being SPM ({fence.ClosedBecause ?? "its deadline passed"}) before all of it was written. Ask again: it is harmless, and the SPM of now finishes it.");
        }
        await writing;
    }
}
