namespace OvirtSpm.Interop.Nodes.Walk;

/// <summary>A volume as the walk believes it to be: what was acknowledged, and what it reads as.</summary>
sealed class WalkVolume(string uuid, bool isCow, long sizeBytes, WalkVolume? parent)
{
    public const long BlockBytes = 64 << 10, SpacingBytes = 1 << 20;

    public string Uuid => uuid;

    public bool IsCow => isCow;

    public long SizeBytes { get; set; } = sizeBytes;

    public long AllocatedBytes { get; set; }

    public WalkVolume? Parent { get; set; } = parent;

    public string? Alias { get; set; }

    /// <summary>One value for each block at a whole mebibyte; 0 reads as zeros.</summary>
    public byte[] Blocks { get; set; } = parent?.Blocks.ToArray() ?? new byte[24];

    public IEnumerable<string> Reads => Blocks.Select((value, at) => $"read -P {value} {at * SpacingBytes} {BlockBytes}");
}
