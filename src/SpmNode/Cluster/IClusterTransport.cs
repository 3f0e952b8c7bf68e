using OvirtSpm.Node.Api;

namespace OvirtSpm.Node.Cluster;

/// <summary>How a host asks the SPM. HTTP is one way; another passes the same contract test.</summary>
/// <remarks>At least once: a request may arrive twice, which is harmless because it names an absolute size.</remarks>
interface IClusterTransport
{
    /// <param name="url">The leader's, from its record on the LUN.</param>
    /// <exception cref="Refusal">The leader's own words, or that it does not answer.</exception>
    Task<ExtendVolumeReply> ExtendAsync(string url, Guid volume, ExtendVolumeRequest request, CancellationToken stop);
}
