namespace OvirtSpm.Node.Cli;

/// <summary>What <c>spm domain create --json</c> and <c>info --json</c> print. Sizes are bytes.</summary>
/// <param name="Adopted">It carries the volume <c>spm</c>; false for a domain of oVirt, which is only read.</param>
sealed record DomainReply(
    string Domain, string Lun, string VolumeGroupUuid, long LunBytes, long TotalBytes, long FreeBytes, long ExtentSizeBytes, int SectorSize,
    int IoTimeoutSeconds, int WatchdogTimeoutSeconds, ulong Epoch, uint Seqno, bool UsableByOvirt, int Version, bool Adopted, Api.SpaceReply Space);
