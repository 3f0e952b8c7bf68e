namespace OvirtSpm.Node.Storage.Paths;

/// <summary>Port: the multipath devices of this machine.</summary>
interface IMultipath
{
    /// <returns>Null when it is none, or none that can be read.</returns>
    MultipathMap? Find(string path);

    /// <summary>Asks multipathd, which may not answer.</summary>
    Task<QueueLimit> QueueLimitAsync(MultipathMap map, CancellationToken stop);
}
