namespace OvirtSpm.Node.Api;

/// <summary>What a node answers for itself, beside the verbs of the pool.</summary>
interface INodeVerbs : IPoolVerbs
{
    IHostVerbs Hosts { get; }

    ITaskVerbs Tasks { get; }

    IDiskTransfers Transfers { get; }

    StatusReply Status();

    Task<IReadOnlyList<HostReply>> HostsAsync();

    Task<JournalReply> JournalAsync();

    /// <param name="exclusive">Hold the volume's own lease while it is active.</param>
    Task<ActivateVolumeReply> ActivateAsync(string reference, bool readOnly, bool exclusive = false);

    Task<VolumeReply> DeactivateAsync(string reference);

    GuestReply WatchGuest(WatchGuestRequest request);

    IReadOnlyList<GuestReply> Guests();

    /// <returns>Whom it watches still.</returns>
    Task<IReadOnlyList<GuestReply>> ForgetGuestAsync(string name);

    /// <summary>Prometheus text.</summary>
    string Metrics();

    /// <summary>Null when this node answers: it is the SPM with a deadline that holds. Otherwise the leader's URL.</summary>
    /// <param name="volumeActiveHere">A volume that, when it is active on this node, is also answered here.</param>
    /// <exception cref="Refusal">There is no leader at the moment.</exception>
    Task<string?> RedirectToLeaderAsync(string? volumeActiveHere = null);
}
