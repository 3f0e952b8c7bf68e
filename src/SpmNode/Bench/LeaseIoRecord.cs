namespace OvirtSpm.Node.Bench;

/// <summary>One request that was given to the storage.</summary>
readonly record struct LeaseIoRecord(bool IsWrite, long OffsetBytes, long LengthBytes);
