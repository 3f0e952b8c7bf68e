namespace OvirtSpm.Node.Api;

/// <summary>What a host is told about a hand-over. Advice: the lease on the LUN alone says who is SPM, and a lost notice costs a look.</summary>
/// <param name="From">The host id that says so.</param>
/// <param name="Epoch">The lease version that is about to end, or has just begun.</param>
/// <param name="Successor">The host id that should take the lease, or has taken it.</param>
public sealed record HandOverNotice(HandOverStage Stage, int From, ulong Epoch, int Successor);

public enum HandOverStage
{
    /// <summary>The SPM is about to give the lease back; the successor gets ready and says whether it is.</summary>
    Prepare,

    /// <summary>The lease is free.</summary>
    Released,

    /// <summary>The successor serves.</summary>
    Taken,
}

/// <param name="Why">Why this host is not ready; null when it is.</param>
public sealed record HandOverNoticeReply(bool Ready, string? Why);

/// <summary>Asks the SPM to step down in good order.</summary>
/// <param name="To">Host id or name of the one that should be next; null lets the SPM choose.</param>
/// <param name="Why">For the log.</param>
public sealed record HandOverRequest(string? To, string? Why);

/// <param name="Milliseconds">From the last request the old SPM accepted to its knowing that the next one holds the lease.</param>
public sealed record HandOverReply(string From, int FromHostId, string To, int ToHostId, double Milliseconds);

/// <summary>Null leaves a wish as it is.</summary>
public sealed record HostWishesRequest(int? Preference, bool? Maintenance);

/// <param name="Note">What this means right now.</param>
public sealed record HostWishesReply(int HostId, string Name, int Preference, bool Maintenance, string Note);

/// <param name="Name">The dead host's name, typed by whoever says that it is dead.</param>
public sealed record ConfirmDeadRequest(string Name);

/// <param name="Cleared">Slots that are not in use by that host any more.</param>
/// <param name="Repaired">Parts of its map that could not be believed and were made anew.</param>
public sealed record ConfirmDeadReply(int HostId, string Name, IReadOnlyList<int> Cleared, int Repaired);
