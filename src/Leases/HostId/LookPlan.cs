using OvirtSpm.Leases.OnDisk;

namespace OvirtSpm.Leases.HostId;

/// <summary>How much of the lockspace the next renewal reads.</summary>
/// <remarks>
/// sanlock reads all of it every time (1 MiB per host every 2 T). Only host ids in use say anything, so we read as far as the highest
/// one, at least 128 KiB, and everything on every eighth turn: a host that joins above is seen a few renewals later, and being seen late
/// only makes its death be concluded later.
/// </remarks>
internal sealed class LookPlan(LeaseGeometry geometry, int self, int firstTurn)
{
    private const int WholeEvery = 8;
    private const int LeastBytes = 128 * 1024;
    private int turn = firstTurn % WholeEvery;
    private bool lookedAtAll;

    public int NextBytes(HostTable hosts)
    {
        if (!lookedAtAll || ++turn % WholeEvery == 0)
        {
            return geometry.AlignBytes;
        }

        var highest = Math.Max(self, hosts.HighestUsed);
        var needed = (uint)Math.Max(LeastBytes, highest * geometry.SectorSize);
        return Math.Min(geometry.AlignBytes, (int)System.Numerics.BitOperations.RoundUpToPowerOf2(needed));
    }

    public void Looked(int bytes) => lookedAtAll |= bytes == geometry.AlignBytes;
}
