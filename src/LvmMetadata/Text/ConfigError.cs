namespace OvirtSpm.LvmMetadata.Text;

/// <summary>Where a text stops being in the configuration language, and why.</summary>
internal sealed record ConfigError(int OffsetBytes, int Line, string Reason)
{
    public override string ToString() => $"line {Line} (byte {OffsetBytes}): {Reason}";
}
