namespace OvirtSpm.Monitor.Guests;

/// <summary>One block node as <c>query-named-block-nodes</c> prints it.</summary>
/// <param name="NodeName">At most 31 characters, so never a place for uuids.</param>
/// <param name="FileName">For NBD on a Unix socket <c>nbd+unix:///export?socket=/path</c>, or <c>json:{…}</c> with options
/// an address cannot express. A format node repeats the name of the node under it.</param>
/// <param name="WriteThresholdBytes">0 when none is set, and again after it fired.</param>
public sealed record NodeDescription(string NodeName, string Driver, string FileName, bool ReadOnly, long WriteThresholdBytes)
{
    /// <summary>Path of the Unix socket if this node is an NBD client on one; null for every other node.</summary>
    public string? NbdSocketPath => Driver == "nbd" ? NbdAddress.SocketPath(FileName) : null;

    /// <summary>Path of the block device if this node has one open; null for every other node.</summary>
    public string? DevicePath => Driver == "host_device" ? FileName : null;
}
