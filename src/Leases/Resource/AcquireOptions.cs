namespace OvirtSpm.Leases.Resource;

/// <param name="WaitForDeadOwner">Wait while the owner is not provably dead, instead of answering at once.</param>
/// <param name="WaitForLiveOwner">Also wait while the owner is provably alive: until it gives the lease back or dies.</param>
/// <param name="MinimumVersion">R22: the highest epoch ever seen; the lease is granted only with a version above it.</param>
/// <param name="MaxBallots">Ballots to try against rivals before answering <see cref="AcquireOutcome.Contended"/>.</param>
public sealed record AcquireOptions(
    bool WaitForDeadOwner = false, bool WaitForLiveOwner = false, ulong MinimumVersion = 0, int MaxBallots = 16);
