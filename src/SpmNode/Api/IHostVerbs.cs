namespace OvirtSpm.Node.Api;

/// <summary>Verbs about hosts: who should be SPM, who should not, who is dead.</summary>
/// <exception cref="Refusal">What failed, why, and what to do.</exception>
interface IHostVerbs
{
    /// <summary>A peer tells of a hand-over.</summary>
    Task<HandOverNoticeReply> HearAsync(HandOverNotice notice);

    /// <summary>Asked of the SPM: step down, and say who is next.</summary>
    Task<HandOverReply> HandOverAsync(HandOverRequest request);

    /// <summary>The address of the node that has to be asked about a host; null when it is this one.</summary>
    /// <param name="host">Host id or name.</param>
    Task<string?> RedirectToHostAsync(string host);

    /// <summary>Asked of the host itself.</summary>
    Task<HostWishesReply> WishAsync(HostWishesRequest request);

    /// <summary>Asked of the SPM: a machine is dead, and what it had active is free again (R11).</summary>
    Task<ConfirmDeadReply> ConfirmDeadAsync(string host, ConfirmDeadRequest request);
}
