namespace OvirtSpm.LvmMetadata.Edit;

/// <summary>Neighbouring extents of one physical volume.</summary>
public readonly record struct ExtentRun(int PvIndex, long Start, long Length)
{
    public long End => Start + Length;
}
