from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('batches', '0009_purge'),
    ]

    operations = [
        migrations.AddField(
            model_name='batchnumber',
            name='part_of',
            field=models.BigIntegerField(editable=False, help_text='Number of the batch that was split; it has its own, once it was.', null=True, verbose_name='part of'),
        ),
        migrations.AddField(
            model_name='batchnumber',
            name='moved_records',
            field=models.PositiveIntegerField(default=0, editable=False, help_text='Records of the file that left for others.', verbose_name='moved records'),
        ),
        migrations.AddIndex(
            model_name='batchnumber',
            index=models.Index(condition=models.Q(('part_of__isnull', False)), fields=['part_of'], name='batches_number_parts'),
        ),
    ]
