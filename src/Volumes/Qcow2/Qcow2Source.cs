namespace OvirtSpm.Volumes.Qcow2;

/// <summary>Counted reads of an image. Behind its end are zeros, as QEMU sees them: the last cluster of a file need not be whole.</summary>
internal sealed class Qcow2Source(IImageArea area)
{
    private const long FreeBytes = 64 << 20;

    public long SizeBytes => area.SizeBytes;

    /// <summary>No image has more metadata than itself. One whose tables point to each other over and over would be read without end.</summary>
    public long BudgetBytes { get; set; } = FreeBytes + area.SizeBytes;

    public int Reads { get; private set; }

    public long BytesRead { get; private set; }

    /// <exception cref="Qcow2Refused">The budget is used up.</exception>
    public async ValueTask ReadAsync(long offsetBytes, Memory<byte> buffer)
    {
        var inside = (int)Math.Clamp(SizeBytes - offsetBytes, 0, buffer.Length);
        buffer.Span[inside..].Clear();
        if (inside == 0)
        {
            return;
        }
        Reads++;
        BytesRead += inside;
        if (BytesRead > BudgetBytes)
        {
            throw new Qcow2Refused(
                Qcow2Fault.TooMuchMetadata, $"more than {BudgetBytes} bytes of tables would have to be read, of an image of {SizeBytes}: its tables are reached many times over");
        }
        await area.ReadAsync(offsetBytes, buffer[..inside]);
    }
}
