namespace OvirtSpm.Node.Cli;

/// <summary>What <c>spm domain create --json</c> and <c>info --json</c> print. Sizes are bytes.</summary>
sealed record DomainReply(
    string Domain, string Lun, string VolumeGroupUuid, long LunBytes, long TotalBytes, long FreeBytes, long ExtentSizeBytes, int SectorSize,
    int IoTimeoutSeconds, int WatchdogTimeoutSeconds, ulong Epoch, uint Seqno, bool UsableByOvirt, Api.SpaceReply Space);
