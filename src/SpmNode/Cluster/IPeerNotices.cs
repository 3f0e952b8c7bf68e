using OvirtSpm.Node.Api;

namespace OvirtSpm.Node.Cluster;

/// <summary>How hosts tell each other that it is worth looking at the lease now.</summary>
interface IPeerNotices
{
    /// <exception cref="Refusal">It did not answer, or not in words of ours.</exception>
    Task<HandOverNoticeReply> TellAsync(string url, HandOverNotice notice);

    /// <summary>Asks the SPM for its role.</summary>
    /// <exception cref="Refusal">The SPM's own words, or that it does not answer.</exception>
    Task<HandOverReply> AskForHandOverAsync(string url, HandOverRequest request);
}
