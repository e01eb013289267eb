starling_test(table_test
  SOURCES encoder_golden_test.cc split_table_test.cc table_columns_test.cc table_csv_test.cc table_date_test.cc table_profile_test.cc table_types_test.cc table_task_test.cc table_split_test.cc
    table_encoder_test.cc table_gzip_test.cc table_metrics_test.cc
  USES starling::table PkgConfig::zlib)

starling_test(work_protocol_test
  SOURCES work_protocol_test.cc
  USES starling::work_protocol)
